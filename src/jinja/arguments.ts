import { typeError } from './errors.js'
import type { JinjaValue, Named } from './values.js'

export const NO_NAMED: Named = new Map()

/**
 * The values of a function's parameters.
 * @param parameters by name, separated by spaces; those after `/` may be left out and are undefined then
 * @throws JinjaError for arguments that are missing, too many or unknown
 */
export function bind(
  name: string,
  parameters: string,
  args: readonly JinjaValue[],
  named: Named = NO_NAMED,
): (JinjaValue | undefined)[] {
  const [required, optional = ''] = parameters.split('/')
  const words = (text: string) => text.split(' ').filter((word) => word !== '')
  const needed = words(required)
  const names = [...needed, ...words(optional)]
  if (args.length > names.length) {
    typeError(`${name}() takes at most ${names.length} arguments (${args.length} given)`)
  }
  const values: (JinjaValue | undefined)[] = names.map((_, i) => args[i])
  for (const [key, value] of named) {
    const at = names.indexOf(key)
    if (at < 0) typeError(`${name}() got an unexpected keyword argument '${key}'`)
    if (at < args.length) typeError(`${name}() got multiple values for argument '${key}'`)
    values[at] = value
  }
  const missing = needed.find((_, i) => values[i] === undefined)
  if (missing !== undefined) typeError(`${name}() missing a required argument: '${missing}'`)
  return values
}

/** As `bind`, of a method of Python that takes its arguments by place alone. */
export function bindPlaces(
  name: string,
  parameters: string,
  args: readonly JinjaValue[],
  named: Named,
): (JinjaValue | undefined)[] {
  if (named.size > 0) typeError(`${name}() takes no keyword arguments`)
  return bind(name, parameters, args)
}
