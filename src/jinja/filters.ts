import { bind } from './arguments.js'
import { raise, typeError, unsupportedSyntax, valueError } from './errors.js'
import { escapeMarkup } from './html.js'
import { sizeOf } from './iterate.js'
import { toJson } from './json.js'
import { capitalize } from './letter-case.js'
import { spendText } from './meter.js'
import {
  arithmetic,
  divideToEven,
  floatOf,
  parseInteger,
  parseReal,
  roundFloat,
  truncate,
} from './numbers.js'
import { binary, positive } from './operators.js'
import { formatPercent } from './percent-format.js'
import { str } from './repr.js'
import { splitLines } from './split.js'
import { replace, strip } from './string-methods.js'
import { characters, join, lengthOf, repeat, slice } from './text.js'
import {
  Dict,
  indexOf,
  intOf,
  type JinjaValue,
  Markup,
  type Named,
  Tuple,
  textOf,
  truthy,
  typeName,
  Undefined,
} from './values.js'
import { SPACE } from './whitespace.js'

/** A filter of Jinja: its other parameters, and what it makes of a value and these. */
export type Filter = (value: JinjaValue, args: readonly JinjaValue[], named: Named) => JinjaValue

type Given = JinjaValue | undefined

export const filter =
  (name: string, parameters: string, run: (value: JinjaValue, ...args: Given[]) => JinjaValue): Filter =>
  (value, args, named) =>
    run(value, ...bind(name, parameters, args, named))

/** A filter of a text, which stays marked as safe. */
const ofText = (name: string, parameters: string, run: (text: string, ...args: Given[]) => string): Filter =>
  filter(name, parameters, (value, ...args) => {
    const text = run(str(value), ...args)
    return value instanceof Markup ? new Markup(text) : text
  })

const length = filter('length', '', (value) => {
  const text = textOf(value)
  const size = text === undefined ? sizeOf(value) : lengthOf(text)
  return size === undefined ? typeError(`object of type '${typeName(value)}' has no len()`) : BigInt(size)
})

const orElse = filter('default', '/ default_value boolean', (value, fallback = '', boolean = false) => {
  return value instanceof Undefined || (truthy(boolean) && !truthy(value)) ? fallback : value
})

const escaped = filter('escape', '', (value) => new Markup(escapeMarkup(value)))

export const VALUE_FILTERS: Readonly<Record<string, Filter>> = {
  abs: filter('abs', '', (value) => {
    const number = positiveOrFail(value)
    return number < 0 ? -number : typeof number === 'number' ? Math.abs(number) : number
  }),
  int: filter('int', '/ default base', toInt),
  float: filter('float', '/ default', toFloat),
  round: filter('round', '/ precision method', round),
  length,
  count: length,
  default: orElse,
  d: orElse,
  string: filter('string', '', (value) => (value instanceof Markup ? value : str(value))),
  tojson: toJson,
  e: escaped,
  escape: escaped,
  forceescape: filter('forceescape', '', (value) => new Markup(escapeMarkup(str(value)))),
  safe: filter('safe', '', (value) => new Markup(str(value))),
  upper: ofText('upper', '', (text) => text.toUpperCase()),
  lower: ofText('lower', '', (text) => text.toLowerCase()),
  capitalize: ofText('capitalize', '', capitalize),
  title: filter('title', '', (value) => title(str(value))),
  trim: ofText('trim', '/ chars', (text, chars) => strip(text, chars, 'both')),
  replace: filter('replace', 'old new / count', (value, old, by, count = null) => {
    return replace(str(value), str(old!), str(by!), count === null ? -1 : indexOf(count))
  }),
  format: format,
  indent: filter('indent', '/ width first blank', indent),
  truncate: filter('truncate', '/ length killwords end leeway', cut),
  wordcount: filter('wordcount', '', (value) => BigInt(str(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)),
}

function positiveOrFail(value: JinjaValue): bigint | number {
  if (typeof value !== 'number' && intOf(value) === undefined) {
    typeError(`bad operand type for abs(): '${typeName(value)}'`)
  }
  return positive(value) as bigint | number
}

function toInt(value: JinjaValue, fallback: Given = 0n, base: Given = 10n): JinjaValue {
  const text = textOf(value)
  try {
    if (indexOf(base) !== 10) unsupportedSyntax('the filter int of another base than ten')
    if (text !== undefined) return parseInteger(text)
    return intOf(value) ?? truncate(numberFor('int', value))
  } catch (error) {
    if (!isPythons(error, ['TypeError', 'ValueError'])) throw error
  }
  try {
    return truncate(
      text === undefined ? numberFor('float', value) : (parseReal(text) ?? valueError('no float')),
    )
  } catch (error) {
    if (isPythons(error, ['TypeError', 'ValueError', 'OverflowError'])) return fallback
    throw error
  }
}

function toFloat(value: JinjaValue, fallback: Given = 0): JinjaValue {
  const text = textOf(value)
  if (text !== undefined) return parseReal(text) ?? fallback
  return value instanceof Undefined ? value.fail() : (floatOf(value) ?? fallback)
}

function numberFor(type: string, value: JinjaValue): number {
  if (value instanceof Undefined) value.fail()
  return (
    floatOf(value) ??
    typeError(`${type}() argument must be a string or a real number, not '${typeName(value)}'`)
  )
}

const isPythons = (error: unknown, exceptions: readonly string[]) =>
  exceptions.includes((error as { exception?: string }).exception ?? '')

function round(value: JinjaValue, precision: Given = 0n, method: Given = 'common'): JinjaValue {
  if (method !== 'common' && method !== 'ceil' && method !== 'floor') {
    raise('FilterArgumentError', 'method must be common, ceil or floor')
  }
  if (method === 'common') {
    const int = intOf(value)
    const places = indexOf(precision)
    if (int !== undefined) return places >= 0 ? int : roundInt(int, -places)
    if (typeof value === 'number') return roundFloat(value, places)
    if (value instanceof Undefined) value.fail()
    typeError(`type ${typeName(value)} doesn't define __round__ method`)
  }
  const scale = arithmetic('**', 10n, precision)!
  const scaled = binary('*', value, scale)
  if (typeof scaled !== 'number' && intOf(scaled) === undefined) {
    typeError(`must be real number, not ${typeName(scaled)}`)
  }
  const whole =
    intOf(scaled) ?? truncate(method === 'ceil' ? Math.ceil(scaled as number) : Math.floor(scaled as number))
  return binary('/', whole, scale)
}

function roundInt(value: bigint, places: number): bigint {
  if (places > 4000) return 0n
  const unit = 10n ** BigInt(places)
  const rounded = divideToEven(value < 0n ? -value : value, unit) * unit
  return value < 0n ? -rounded : rounded
}

const WORD_START = new RegExp(`((?:[-({\\[<]|${SPACE})+)`)

function title(text: string): string {
  return text
    .split(WORD_START)
    .map((part) => {
      const [first = '', ...rest] = characters(part)
      return first.toUpperCase() + rest.join('').toLowerCase()
    })
    .join('')
}

function format(value: JinjaValue, args: readonly JinjaValue[], named: Named): JinjaValue {
  if (args.length > 0 && named.size > 0) {
    raise('FilterArgumentError', "can't handle positional and keyword arguments at the same time")
  }
  return formatPercent(str(value), named.size > 0 ? new Dict(named) : new Tuple(args))
}

function indent(
  value: JinjaValue,
  width: Given = 4n,
  first: Given = false,
  blank: Given = false,
): JinjaValue {
  const text = textOf(value)
  if (text === undefined) {
    if (value instanceof Undefined) value.fail()
    typeError(`unsupported operand type(s) for +=: '${typeName(value)}' and 'str'`)
  }
  const space = textOf(width) ?? repeat(' ', indexOf(width))
  const [head = '', ...lines] = splitLines(`${text}\n`, false)
  spendText(text.length + space.length * lines.length)
  const rest = lines.map((line) => (line === '' && !truthy(blank) ? line : space + line))
  return (truthy(first) ? space : '') + join([head, ...rest], '\n')
}

function cut(
  value: JinjaValue,
  length: Given = 255n,
  killWords: Given = false,
  end: Given = '...',
  leeway: Given = 5n,
): JinjaValue {
  const text = textOf(value)
  const ending = textOf(end)
  if (ending === undefined) typeError(`object of type '${typeName(end)}' has no len()`)
  const most = indexOf(length)
  const kept = most - lengthOf(ending)
  const spare = leeway === null ? 5 : indexOf(leeway)
  if (kept < 0) raise('AssertionError', `expected length >= ${lengthOf(ending)}, got ${most}`)
  if (spare < 0) raise('AssertionError', `expected leeway >= 0, got ${spare}`)
  if (text === undefined) {
    if (sizeOf(value) === undefined) typeError(`object of type '${typeName(value)}' has no len()`)
    if (sizeOf(value)! <= most + spare) return value
    typeError('only texts can be truncated')
  }
  if (lengthOf(text) <= most + spare) return value
  const short = slice(text, 0, kept)
  if (truthy(killWords)) return short + ending
  const space = short.lastIndexOf(' ')
  return (space < 0 ? short : short.slice(0, space)) + ending
}
