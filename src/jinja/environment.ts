import { raise } from './errors.js'
import { attributeOf } from './methods.js'
import { subscript } from './operators.js'
import { repr } from './repr.js'
import { runTest, TEST_NAMES } from './tests.js'
import {
  Callable,
  Instance,
  type JinjaValue,
  type Named,
  orElse,
  textOf,
  typeName,
  Undefined,
} from './values.js'

/** What Jinja's sandboxed environment does for a template: fields and tests by name. */
export const environment = {
  /** `value.name`: an attribute, else an item. */
  attribute(value: JinjaValue, name: string): JinjaValue {
    return orElse(attributeOf(value, name, environment), () =>
      orElse(subscript(value, name), () => missing(value, name)),
    )
  },

  /** `value[key]`: an item, else an attribute. */
  item(value: JinjaValue, key: JinjaValue): JinjaValue {
    const found = subscript(value, key)
    if (found !== undefined) return found
    const name = textOf(key)
    const attribute = name === undefined ? undefined : attributeOf(value, name, environment)
    return orElse(attribute, () => missing(value, key))
  },

  /** The filter `attr`: an attribute alone. */
  ownAttribute(value: JinjaValue, name: string): JinjaValue {
    return orElse(attributeOf(value, name, environment), () => missing(value, name))
  },

  test(name: string, value: JinjaValue, args: readonly JinjaValue[], named: Named): boolean {
    if (!TEST_NAMES.has(name)) raise('TemplateRuntimeError', `there is no test ${name}`)
    return runTest(name, value, args, named)
  },
}

function missing(value: JinjaValue, key: JinjaValue): Undefined {
  const type = value === null ? 'None' : `${typeName(value)} object`
  const hasAttributes = value instanceof Callable || value instanceof Instance
  const kind = hasAttributes || typeof key === 'string' ? 'attribute' : 'element'
  return new Undefined(`'${type}' has no ${kind} ${repr(key)}`)
}
