import { excerpt } from '../../../errors.js'
import type { SchemaContext } from '../context.js'
import { regexOfFormat } from '../formats.js'
import { ANY_TYPE, FALSE, type Formula, Type } from '../formulas.js'
import { isArray, JsonNumber } from '../json.js'
import type { NumberBounds } from '../number-bounds.js'
import type { ScalarLanguage } from '../scalar-language.js'
import { countOf, oneOf } from './values.js'

const TYPES: Readonly<Record<string, number>> = {
  null: Type.NULL,
  boolean: Type.TRUE | Type.FALSE,
  number: Type.NUMBER,
  integer: Type.NUMBER,
  string: Type.STRING,
  array: Type.ARRAY,
  object: Type.OBJECT,
}

export function type(context: SchemaContext): Formula {
  const value = context.get('type')!
  const names = isArray(value) ? value : [value]
  let types = 0
  for (const name of names) {
    if (typeof name !== 'string' || !Object.hasOwn(TYPES, name))
      throw context.error('type', `there is no type ${JSON.stringify(name)}`)
    if (name !== 'integer') types |= TYPES[name]
  }
  const { formulas, compiler } = context
  const hasIntegers = names.includes('integer') && !names.includes('number')
  if (!hasIntegers) return formulas.is(types)
  // Since draft 6 a number is an integer by its value: 1.0 is one.
  const integers = compiler.scalars.numbers({ isInteger: context.draft === 4 ? 'spelling' : 'value' })
  return formulas.or([formulas.is(types), formulas.number(integers)])
}

export function constant(context: SchemaContext): Formula {
  return oneOf(context, 'const', [context.get('const')!])
}

export function enumeration(context: SchemaContext): Formula {
  const values = context.get('enum')!
  if (!isArray(values)) throw context.error('enum', 'a list of values is needed')
  return values.length === 0 ? FALSE : oneOf(context, 'enum', values)
}

/** `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum` and `multipleOf` are one language. */
export function numericKeywords(context: SchemaContext): Formula {
  const multiple = numberOf(context, 'multipleOf')
  if (multiple !== undefined && !/^[\d.]*[1-9]/.test(multiple))
    throw context.error('multipleOf', 'a number above 0 is needed')
  const bounds: NumberBounds = {
    ...bound(context, 'minimum', 'exclusiveMinimum'),
    ...bound(context, 'maximum', 'exclusiveMaximum'),
    ...(multiple === undefined ? {} : { multipleOf: [multiple] }),
  }
  return unless(context, Type.NUMBER, () => context.formulas.number(context.compiler.scalars.numbers(bounds)))
}

/** Draft 4 says of a limit whether it is excluded; later drafts give the excluded one beside it. */
function bound(
  context: SchemaContext,
  keyword: 'minimum' | 'maximum',
  exclusive: 'exclusiveMinimum' | 'exclusiveMaximum',
): NumberBounds {
  const flag = context.get(exclusive)
  const limit = numberOf(context, keyword)
  const excluded = typeof flag === 'boolean' ? (flag ? limit : undefined) : numberOf(context, exclusive)
  const included = flag === true ? undefined : limit
  return {
    ...(included === undefined ? {} : { [keyword]: included }),
    ...(excluded === undefined ? {} : { [exclusive]: excluded }),
  }
}

function numberOf(context: SchemaContext, keyword: string): string | undefined {
  const value = context.get(keyword)
  if (value === undefined) return undefined
  if (!(value instanceof JsonNumber)) throw context.error(keyword, 'a number is needed')
  if (!Number.isFinite(Number(value.text)))
    throw context.error(keyword, `JSON parsers read ${excerpt(value.text, 40)} as Infinity: leave it out`)
  return value.text
}

/** `minLength`, `maxLength`, `pattern`, `format` and our `substringOf` are languages of the same string. */
export function strings(context: SchemaContext): Formula {
  const { scalars, assertsFormats, warn } = context.compiler
  const languages: ScalarLanguage[] = []
  const [shortest, longest] = [countOf(context, 'minLength') ?? 0, countOf(context, 'maxLength') ?? Infinity]
  if (shortest > 0 || longest < Infinity) languages.push(scalars.length(shortest, longest))
  const pattern = context.get('pattern')
  if (pattern !== undefined) languages.push(patternLanguage(context, 'pattern', pattern))
  const format = context.get('format')
  if (typeof format === 'string' && assertsFormats) {
    const regex = regexOfFormat(format)
    if (regex) languages.push(scalars.format(format, regex))
    else warn(`${context.place.pointer}/format`, `the format ${JSON.stringify(format)} is not enforced`)
  }
  const whole = context.get('substringOf')
  if (whole !== undefined) {
    if (typeof whole !== 'string') throw context.error('substringOf', 'a text is needed')
    languages.push(scalars.substringOf(whole))
  }
  if (languages.length === 0) return context.formulas.is(ANY_TYPE)
  return unless(context, Type.STRING, () => context.formulas.string(scalars.all(languages)))
}

export function patternLanguage(context: SchemaContext, keyword: string, pattern: unknown): ScalarLanguage {
  if (typeof pattern !== 'string') throw context.error(keyword, 'a regular expression is needed')
  return context.compiler.scalars.pattern(pattern, ({ message }) =>
    context.error(keyword, message.replace(/\.$/, '')),
  )
}

/** A demand on values of one type, which those of others meet. */
export function unless(context: SchemaContext, applies: number, demand: () => Formula): Formula {
  return context.formulas.or([context.formulas.is(ANY_TYPE & ~applies), demand()])
}
