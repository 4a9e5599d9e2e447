import { bind } from './arguments.js'
import { raise, typeError, valueError } from './errors.js'
import { escapeHtml } from './html.js'
import { isIterable, iterator, sizeOf } from './iterate.js'
import { toJson } from './json.js'
import { capitalize } from './letter-case.js'
import { spendText } from './meter.js'
import { formatFloat } from './number-format.js'
import { arithmetic, floatOf, parseInteger, parseReal, roundFloat, truncate } from './numbers.js'
import { binary, positive } from './operators.js'
import { formatPercent } from './percent-format.js'
import { str } from './repr.js'
import { splitLines } from './split.js'
import { align, replace, strip } from './string-methods.js'
import { characters, join, lengthOf, repeat, slice } from './text.js'
import {
  Dict,
  indexOf,
  intOf,
  Markup,
  type Named,
  Tuple,
  textOf,
  truthy,
  typeName,
  Undefined,
  type Value,
} from './values.js'
import { SPACE } from './whitespace.js'

/** A filter of Jinja: its other parameters, and what it makes of a value and these. */
export type Filter = (value: Value, args: readonly Value[], named: Named) => Value

type Given = Value | undefined

export const filter =
  (name: string, parameters: string, run: (value: Value, ...args: Given[]) => Value): Filter =>
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

const escaped = filter('escape', '', (value) => new Markup(escapeHtml(value)))

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
  forceescape: filter('forceescape', '', (value) => new Markup(escapeHtml(str(value)))),
  safe: filter('safe', '', (value) => new Markup(str(value))),
  upper: ofText('upper', '', (text) => text.toUpperCase()),
  lower: ofText('lower', '', (text) => text.toLowerCase()),
  capitalize: ofText('capitalize', '', capitalize),
  title: filter('title', '', (value) => title(str(value))),
  trim: ofText('trim', '/ chars', (text, chars) => strip(text, chars, 'both')),
  center: ofText('center', '/ width', (text, width = 80n) => align(text, indexOf(width), 'center')),
  replace: filter('replace', 'old new / count', (value, old, by, count = null) => {
    return replace(str(value), str(old!), str(by!), count === null ? -1 : indexOf(count))
  }),
  format: format,
  indent: filter('indent', '/ width first blank', indent),
  truncate: filter('truncate', '/ length killwords end leeway', cut),
  wordcount: filter('wordcount', '', (value) => BigInt(str(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)),
  urlencode: filter('urlencode', '', urlEncode),
  xmlattr: filter('xmlattr', '/ autospace', xmlAttributes),
  filesizeformat: filter('filesizeformat', '/ binary', fileSize),
}

function positiveOrFail(value: Value): bigint | number {
  if (typeof value !== 'number' && intOf(value) === undefined) {
    typeError(`bad operand type for abs(): '${typeName(value)}'`)
  }
  return positive(value) as bigint | number
}

function toInt(value: Value, fallback: Given = 0n, base: Given = 10n): Value {
  const text = textOf(value)
  try {
    if (text !== undefined) return parseInteger(text, indexOf(base))
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

function toFloat(value: Value, fallback: Given = 0): Value {
  const text = textOf(value)
  if (text !== undefined) return parseReal(text) ?? fallback
  return value instanceof Undefined ? value.fail() : (floatOf(value) ?? fallback)
}

function numberFor(type: string, value: Value): number {
  if (value instanceof Undefined) value.fail()
  return (
    floatOf(value) ??
    typeError(`${type}() argument must be a string or a real number, not '${typeName(value)}'`)
  )
}

const isPythons = (error: unknown, exceptions: readonly string[]) =>
  exceptions.includes((error as { exception?: string }).exception ?? '')

function round(value: Value, precision: Given = 0n, method: Given = 'common'): Value {
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
  const rest = ((value % unit) + unit) % unit
  const low = value - rest
  const isUp = 2n * rest > unit || (2n * rest === unit && (low / unit) % 2n !== 0n)
  return isUp ? low + unit : low
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

function format(value: Value, args: readonly Value[], named: Named): Value {
  if (args.length > 0 && named.size > 0) {
    raise('FilterArgumentError', "can't handle positional and keyword arguments at the same time")
  }
  return formatPercent(str(value), named.size > 0 ? new Dict(named) : new Tuple(args))
}

function indent(value: Value, width: Given = 4n, first: Given = false, blank: Given = false): Value {
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
  value: Value,
  length: Given = 255n,
  killWords: Given = false,
  end: Given = '...',
  leeway: Given = 5n,
): Value {
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

/** As `urllib.parse.quote`, which leaves slashes, and `quote_plus` in a query. */
function urlQuote(value: Value, isQuery = false): string {
  const text = str(value)
  spendText(text.length * 3)
  const quoted = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return isQuery ? quoted.replaceAll('%20', '+') : quoted.replaceAll('%2F', '/')
}

function urlEncode(value: Value): Value {
  if (textOf(value) !== undefined || !isIterable(value)) return urlQuote(value)
  const pairs =
    value instanceof Dict ? [...value.entries()].map((pair) => new Tuple(pair)) : [...itemsOf(value)]
  return join(
    pairs.map((pair) => {
      const [key, item, ...more] = [...itemsOf(pair)]
      if (key === undefined || item === undefined || more.length > 0) valueError('not two values to unpack')
      return `${urlQuote(key, true)}=${urlQuote(item, true)}`
    }),
    '&',
  )
}

const itemsOf = (value: Value): Iterable<Value> => ({ [Symbol.iterator]: () => iterator(value) })

function xmlAttributes(value: Value, autospace: Given = true): Value {
  if (value instanceof Undefined) value.fail()
  if (!(value instanceof Dict))
    raise('AttributeError', `'${typeName(value)}' object has no attribute 'items'`)
  const parts: string[] = []
  for (const [key, item] of value.entries()) {
    if (item === null || item instanceof Undefined) continue
    const name = textOf(key)
    if (name === undefined) typeError(`expected string or bytes-like object, got '${typeName(key)}'`)
    if (/[\s/>=]/.test(name)) valueError(`Invalid character in attribute name: '${name}'`)
    parts.push(`${escapeHtml(key)}="${escapeHtml(item)}"`)
  }
  const text = join(parts, ' ')
  return truthy(autospace) && text !== '' ? ` ${text}` : text
}

function fileSize(value: Value, binaryUnits: Given = false): Value {
  const text = textOf(value)
  const bytes =
    text === undefined
      ? numberFor('float', value)
      : (parseReal(text) ?? valueError(`could not convert string to float: '${text}'`))
  const isBinary = truthy(binaryUnits)
  const base = isBinary ? 1024 : 1000
  if (bytes === 1) return '1 Byte'
  if (bytes < base) return `${truncate(bytes)} Bytes`
  const prefixes = isBinary
    ? ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi']
    : ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
  const at = Math.max(
    0,
    prefixes.findIndex((_, i) => bytes < base ** (i + 2)),
  )
  const last = bytes < base ** (prefixes.length + 1) ? at : prefixes.length - 1
  return `${bytes < 0 ? '-' : ''}${formatFloat((base * bytes) / base ** (last + 2), 'f', 1, false)} ${prefixes[last]}B`
}
