import { valueError } from './errors.js'
import { exponentSuffix, fixed, floatRepr, significant } from './numbers.js'

/** A number's magnitude as `%` and `format` write it, by their kind of conversion. */

const MOST_DIGITS = 2000

/** @param isAlternate keeps the point and zeros at the end (`#`) */
export function formatFloat(
  value: number,
  kind: string,
  precision: number | undefined,
  isAlternate: boolean,
): string {
  const isUpper = /[A-Z]/.test(kind)
  const text = lowerFloat(Math.abs(value), kind.toLowerCase(), precision, isAlternate)
  return isUpper ? text.toUpperCase() : text
}

function lowerFloat(
  value: number,
  kind: string,
  precision: number | undefined,
  isAlternate: boolean,
): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : 'inf'
  if ((precision ?? 0) > MOST_DIGITS) valueError('precision too big')
  const point = (text: string) => (isAlternate && !text.includes('.') ? `${text}.` : text)
  if (kind === 'f') return point(fixed(value, precision ?? 6))
  if (kind === 'e') return exponential(value, precision ?? 6, isAlternate)
  if (kind === 'r')
    return precision === undefined ? floatRepr(value) : general(value, precision || 1, isAlternate, true)
  return general(value, precision === 0 ? 1 : (precision ?? 6), isAlternate, false)
}

function exponential(value: number, places: number, isAlternate: boolean): string {
  const { digits, exponent } = significant(value, places + 1)
  const point = places > 0 || isAlternate ? '.' : ''
  return `${digits[0]}${point}${digits.slice(1)}e${exponentSuffix(exponent)}`
}

/** @param keepsPoint as `format` without a kind, which writes a float as one and changes to exponents a digit earlier */
function general(value: number, count: number, isAlternate: boolean, keepsPoint: boolean): string {
  const { digits, exponent } = significant(value, count)
  const isExponential = exponent < -4 || exponent >= (keepsPoint ? count - 1 || 1 : count)
  const kept = isAlternate ? digits : digits.replace(/0+$/, '') || '0'
  if (isExponential) {
    const rest = kept.slice(1)
    return `${kept[0]}${rest || isAlternate ? `.${rest}` : ''}e${exponentSuffix(exponent)}`
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${kept}`
  const whole = kept.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = kept.slice(exponent + 1)
  return fraction || isAlternate ? `${whole}.${fraction}` : keepsPoint ? `${whole}.0` : whole
}

const BASES: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16 }

export function formatInteger(magnitude: bigint, kind: string): string {
  const text = magnitude.toString(BASES[kind] ?? 10)
  return kind === 'X' ? text.toUpperCase() : text
}

/** Groups of digits before the point: three, or four of another base than ten. */
export function grouped(text: string, separator: string, size: number, width = 0): string {
  const [, whole, rest] = /^([\da-zA-Z]*?)((?:\.|e[+-]).*)?$/.exec(text) ?? [text, text, '']
  let digits = whole
  const tail = rest ?? ''
  const lengthOf = (count: number) => count + Math.floor((count - 1) / size) + tail.length
  while (lengthOf(digits.length) < width) digits = `0${digits}`
  const groups: string[] = []
  for (let end = digits.length; end > 0; end -= size)
    groups.unshift(digits.slice(Math.max(0, end - size), end))
  return groups.join(separator) + tail
}
