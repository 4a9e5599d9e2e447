import { typeError } from './errors.js'
import { compute } from './evaluate.js'
import { nested } from './meter.js'
import type { Signature } from './nodes.js'
import { Scope } from './scope.js'
import { Callable, Dict, type JinjaValue, type Named, Tuple, Undefined } from './values.js'

/**
 * A macro, or the `caller` of a call block, as a value that can be called.
 * @param name empty for a caller
 * @param scope that the macro stands in, whose variables it reads as they are when it is called
 */
export function makeMacro(
  name: string,
  { parameters, special }: Signature,
  scope: Scope,
  render: (scope: Scope) => string,
): Callable {
  const names = parameters.map((parameter) => parameter.name)
  const run = (args: readonly JinjaValue[], named: Named): JinjaValue => {
    const inner = new Scope(scope)
    const left = new Map(named)
    const values = names.map((parameter, i) => {
      if (i < args.length) return args[i]
      const value = left.get(parameter)
      left.delete(parameter)
      return value
    })
    if (special.has('caller')) {
      // None stands for no caller.
      inner.set('caller', left.get('caller') ?? new Undefined('No caller defined'))
      left.delete('caller')
    }
    refuse(name, names, left, special, args)
    if (special.has('kwargs')) inner.set('kwargs', new Dict(left))
    if (special.has('varargs')) inner.set('varargs', new Tuple(args.slice(names.length)))
    // A parameter hides a variable of its name even where it is not given and its default reads that name.
    for (const parameter of names)
      inner.set(parameter, new Undefined(`parameter '${parameter}' was not provided`))
    parameters.forEach(({ name: parameter, fallback }, i) => {
      const given = values[i]
      const value = given === undefined && fallback ? compute(fallback, inner) : given
      if (value !== undefined) inner.set(parameter, value)
    })
    return nested(() => render(inner))
  }
  return new Callable('Macro', name, run, {
    name: name === '' ? null : name,
    arguments: new Tuple(names),
    catch_kwargs: special.has('kwargs'),
    catch_varargs: special.has('varargs'),
    caller: special.has('caller'),
    explicit_caller: names.includes('caller'),
  })
}

function refuse(
  name: string,
  names: readonly string[],
  left: ReadonlyMap<string, JinjaValue>,
  special: ReadonlySet<string>,
  args: readonly JinjaValue[],
): void {
  const [unknown] = left.keys()
  if (unknown !== undefined && !special.has('kwargs')) {
    typeError(`macro '${name}' takes no keyword argument '${unknown}'`)
  }
  if (args.length > names.length && !special.has('varargs')) {
    typeError(`macro '${name}' takes not more than ${names.length} argument(s)`)
  }
}
