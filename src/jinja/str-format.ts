import { raise, unsupportedSyntax, valueError } from './errors.js'
import { repr, str } from './repr.js'
import { type JinjaValue, type Named, orElse } from './values.js'

/** What a template reads of a field: `environment.getattr` and `getitem`. */
export interface FieldAccess {
  attribute(value: JinjaValue, name: string): JinjaValue
  item(value: JinjaValue, key: JinjaValue): JinjaValue
}

/** `str.format` of the sandbox. @throws JinjaError as Python raises */
export function formatFields(
  template: string,
  args: readonly JinjaValue[],
  named: Named,
  access: FieldAccess,
): string {
  let automatic = 0
  let isManual: boolean | undefined
  const numbered = (name: string): string => {
    if (!/^\d*$/.test(name)) return name
    const manual = name !== ''
    if (isManual !== undefined && manual !== isManual) {
      valueError('cannot switch between manual field specification and automatic field numbering')
    }
    isManual = manual
    return manual ? name : String(automatic++)
  }
  const argument = (name: string): JinjaValue => {
    if (!/^\d+$/.test(name)) return orElse(named.get(name), () => raise('KeyError', repr(name)))
    const index = Number(name)
    if (index < args.length) return args[index]
    raise('IndexError', `Replacement index ${index} out of range for positional args tuple`)
  }
  const field = (source: string): JinjaValue => {
    const name = numbered(source)
    const [first] = /^[^.[]*/.exec(name)!
    let value = argument(first)
    let rest = name.slice(first.length)
    while (rest !== '') {
      const part = /^\.([^.[]+)|^\[([^\]]+)\]/.exec(rest)
      if (!part) valueError('Empty attribute in format string')
      const [whole, attribute, key] = part
      value =
        attribute !== undefined
          ? access.attribute(value, attribute)
          : access.item(value, /^\d+$/.test(key) ? BigInt(key) : key)
      rest = rest.slice(whole.length)
      if (rest !== '' && !/^[.[]/.test(rest))
        valueError("Only '.' or '[' may follow ']' in format field specifier")
    }
    return value
  }
  return expand(template, field, 2)
}

function expand(template: string, field: (source: string) => JinjaValue, depth: number): string {
  if (depth < 0) valueError('Max string recursion exceeded')
  let text = ''
  for (let at = 0; at < template.length; ) {
    const character = template[at]
    if (character !== '{' && character !== '}') {
      const end = template.slice(at).search(/[{}]/)
      text += template.slice(at, end < 0 ? undefined : at + end)
      at = end < 0 ? template.length : at + end
    } else if (template[at + 1] === character) {
      text += character
      at += 2
    } else {
      if (character === '}') valueError("Single '}' encountered in format string")
      const end = closing(template, at)
      text += replacement(template.slice(at + 1, end), field, depth)
      at = end + 1
    }
  }
  return text
}

/** Where the brace at `open` closes. */
function closing(template: string, open: number): number {
  let depth = 0
  for (let at = open; at < template.length; at++) {
    if (template[at] === '{') depth++
    else if (template[at] === '}' && --depth === 0) return at
  }
  return valueError(
    open + 1 === template.length
      ? "Single '{' encountered in format string"
      : "expected '}' before end of string",
  )
}

function replacement(source: string, field: (source: string) => JinjaValue, depth: number): string {
  const match = /^((?:[^!:[]|\[[^\]]*\])*)(?:!([^:]*))?(?::([\s\S]*))?$/.exec(source)
  if (!match) valueError("expected ':' after conversion specifier")
  const [, name, conversion, spec = ''] = match
  let value = field(name)
  if (conversion === 's') value = str(value)
  else if (conversion === 'r') value = repr(value)
  else if (conversion === 'a') unsupportedSyntax('the conversion !a')
  else if (conversion !== undefined) valueError(`Unknown conversion specifier ${conversion}`)
  const written = expand(spec, field, depth - 1)
  if (written !== '') unsupportedSyntax(`the format ":${written}" of the method format`)
  return str(value)
}
