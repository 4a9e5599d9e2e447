import type { SchemaContext } from '../context.js'
import { type Formula, type Formulas, NO_END, TRUE } from '../formulas.js'
import { isArray, isObject, type Json, JsonNumber } from '../json.js'
import type { Scalars } from '../scalars.js'

/** The count that a keyword gives; undefined where it is absent. 2.0 is 2. */
export function countOf(context: SchemaContext, keyword: string): number | undefined {
  const value = context.get(keyword)
  if (value === undefined) return undefined
  const count = value instanceof JsonNumber ? Number(value.text) : Number.NaN
  if (!Number.isInteger(count) || count < 0)
    throw context.error(keyword, 'a whole number of 0 or more is needed')
  return count
}

/** The names in a list that a keyword gives. */
export function namesOf(context: SchemaContext, keyword: string, value: Json | undefined): readonly string[] {
  if (value === undefined) return []
  if (!isArray(value) || value.some((name) => typeof name !== 'string'))
    throw context.error(keyword, 'a list of names is needed')
  return value as readonly string[]
}

/** Values that `const` and `enum` may hold, those inside arrays and objects included. */
const MOST_VALUES = 100_000

/** The value is one of those. Strings are one language and numbers another, however many they are. */
export function oneOf(context: SchemaContext, keyword: string, values: readonly Json[]): Formula {
  const { formulas, compiler } = context
  const { scalars } = compiler
  if (values.length > MOST_VALUES) throw context.error(keyword, `it holds more than ${MOST_VALUES} values`)
  const strings = values.filter((value) => typeof value === 'string')
  const numbers = values.filter((value) => value instanceof JsonNumber)
  const others = values.filter((value) => typeof value !== 'string' && !(value instanceof JsonNumber))
  return formulas.or([
    ...(strings.length > 0 ? [formulas.string(scalars.among(strings))] : []),
    ...(numbers.length > 0 ? [formulas.number(scalars.equalTo(numbers.map(({ text }) => text)))] : []),
    ...others.map((value) => equalTo(formulas, scalars, value)),
  ])
}

/** The value is that one, numbers compared by what they are worth and objects whatever the order of their keys. */
export function equalTo(formulas: Formulas, scalars: Scalars, value: Json): Formula {
  if (typeof value === 'string') return formulas.string(scalars.among([value]))
  if (value instanceof JsonNumber) return formulas.number(scalars.equalTo([value.text]))
  if (isArray(value)) {
    const items = value.map((item, index) =>
      formulas.items(1, index, index + 1, equalTo(formulas, scalars, item)),
    )
    return formulas.and([
      formulas.items(0, 0, NO_END, TRUE),
      ...items,
      formulas.not(formulas.items(1, value.length, NO_END, TRUE)),
    ])
  }
  if (isObject(value)) {
    const { keys } = formulas
    const members = [...value].map(([key, member]) =>
      formulas.members(1, keys.named([key]), equalTo(formulas, scalars, member)),
    )
    const others = keys.not(keys.named([...value.keys()]))
    return formulas.and([
      formulas.members(0, keys.all, TRUE),
      ...members,
      formulas.not(formulas.members(1, others, TRUE)),
    ])
  }
  return formulas.is(value === null ? 1 : value ? 2 : 4)
}
