import { raise, typeError, unsupportedSyntax, valueError } from './errors.js'
import { spendText } from './meter.js'
import { fixed, floatOf, truncate } from './numbers.js'
import { repr, str } from './repr.js'
import { join, lengthOf, repeat, slice } from './text.js'
import { Dict, indexOf, intOf, isList, type JinjaValue, Range, Tuple, typeName, Undefined } from './values.js'

const CONVERSION = /%(?:\(((?:[^()]|\([^()]*\))*)\))?([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([\s\S])?/gu

interface Flags {
  readonly flags: string
  readonly width: number
  readonly precision: number | undefined
}

/** `template % values`, as Python's printf-style formatting. @throws JinjaError as Python raises */
export function formatPercent(template: string, values: JinjaValue): string {
  const positional = values instanceof Tuple ? values.items : [values]
  // Anything that has items by key may stay unused.
  const isMapping = values instanceof Dict || isList(values) || values instanceof Range
  const mapping = isMapping || values instanceof Undefined ? values : undefined
  let used = 0
  const next = () => {
    if (used >= positional.length) typeError('not enough arguments for format string')
    return positional[used++]
  }
  const parts: string[] = []
  let end = 0
  for (const match of template.matchAll(CONVERSION)) {
    parts.push(template.slice(end, match.index))
    end = match.index + match[0].length
    const [, key, flags, width, precision, kind] = match
    if (kind === undefined) valueError('incomplete format')
    const value = (token: string | undefined) => (token === '*' ? indexOf(star(next())) : Number(token))
    const isLeft = width === '*'
    const size = width === undefined ? 0 : value(width)
    const options: Flags = {
      flags: isLeft && size < 0 ? `${flags}-` : flags,
      width: Math.abs(size),
      precision: precision === undefined ? undefined : value(precision || '0'),
    }
    if (kind === '%') parts.push('%')
    else parts.push(convert(kind, key === undefined ? next() : keyed(values, mapping, key), options))
    if (key !== undefined) used = positional.length
  }
  parts.push(template.slice(end))
  if (used < positional.length && mapping === undefined) {
    typeError('not all arguments converted during string formatting')
  }
  return join(parts)
}

function star(value: JinjaValue): JinjaValue {
  if (typeof value !== 'bigint' && typeof value !== 'boolean') typeError('* wants int')
  return value
}

function keyed(values: JinjaValue, mapping: JinjaValue | undefined, key: string): JinjaValue {
  if (mapping === undefined) typeError('format requires a mapping')
  if (!(values instanceof Dict)) typeError('list indices must be integers or slices, not str')
  const value = values.get(key)
  return value === undefined ? raise('KeyError', repr(key)) : value
}

function convert(kind: string, value: JinjaValue, options: Flags): string {
  switch (kind) {
    case 's':
      return padded(cut(str(value), options), options)
    case 'r':
      return padded(cut(repr(value), options), options)
    case 'd':
    case 'i':
    case 'u':
      return integer(wholeNumber(value, kind), options)
    case 'f':
    case 'F':
      return real(value, options)
  }
  if (/[aceEgGoxX]/.test(kind)) unsupportedSyntax(`the conversion %${kind}`)
  valueError(`unsupported format character '${kind}'`)
}

const cut = (text: string, { precision }: Flags) =>
  precision === undefined ? text : slice(text, 0, precision)

function wholeNumber(value: JinjaValue, kind: string): bigint {
  const int = intOf(value)
  if (int !== undefined) return int
  if (typeof value === 'number') return truncate(value)
  if (value instanceof Undefined) value.fail()
  typeError(`%${kind} format: a real number is required, not ${typeName(value)}`)
}

function integer(value: bigint, options: Flags): string {
  const digits = String(value < 0n ? -value : value)
  const least = Math.min(options.precision ?? 0, MOST_DIGITS)
  return number(value < 0n, digits.padStart(least, '0'), options)
}

function real(value: JinjaValue, options: Flags): string {
  const { precision = 6, flags } = options
  const float = floatOf(value)
  if (float === undefined) {
    if (value instanceof Undefined) value.fail()
    typeError(`must be real number, not ${typeName(value)}`)
  }
  if (!Number.isFinite(float)) unsupportedSyntax('the conversion %f of what is no finite number')
  if (flags.includes('#')) unsupportedSyntax('the flag # of the conversion %f')
  if (precision > MOST_DIGITS) valueError('precision too big')
  return number(float < 0 || Object.is(float, -0), fixed(float, precision), options)
}

const MOST_DIGITS = 2000

function number(isNegative: boolean, digits: string, { flags, width }: Flags): string {
  const sign = isNegative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  spendText(width)
  if (flags.includes('0') && !flags.includes('-')) return sign + digits.padStart(width - sign.length, '0')
  return padded(sign + digits, { flags, width, precision: undefined })
}

function padded(text: string, { flags, width }: Flags): string {
  const padding = repeat(' ', width - lengthOf(text))
  return flags.includes('-') ? text + padding : padding + text
}
