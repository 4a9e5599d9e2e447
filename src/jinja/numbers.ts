import { JinjaError, raise, unsupportedSyntax, valueError } from './errors.js'
import { LIMITS, spend } from './meter.js'
import { intOf, type JinjaValue } from './values.js'

/** A float as Python's `repr` writes it: the shortest digits that give it back. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa, exponentText] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '')
  const exponent = Number(exponentText)
  const sign = value < 0 ? '-' : ''
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits[0]}${fraction}e${exponentSuffix(exponent)}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}

export function exponentSuffix(exponent: number): string {
  return `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** The exact value of a float's magnitude as `digits / 10 ** places`. */
function exactDecimal(value: number): { digits: bigint; places: number } {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, Math.abs(value))
  const raw = bits.getBigUint64(0)
  const biased = Number(raw >> 52n)
  const fraction = raw & ((1n << 52n) - 1n)
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n)
  const exponent = Math.max(biased, 1) - 1075
  if (exponent >= 0) return { digits: mantissa << BigInt(exponent), places: 0 }
  return { digits: mantissa * 5n ** BigInt(-exponent), places: -exponent }
}

/** The digits of a float's magnitude, rounded half to even at `places` after the point (negative ones before it). */
function roundedDigits(value: number, places: number): bigint {
  const exact = exactDecimal(value)
  if (places >= exact.places) return exact.digits * 10n ** BigInt(places - exact.places)
  return divideToEven(exact.digits, 10n ** BigInt(exact.places - places))
}

export function divideToEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  const twice = 2n * (dividend - quotient * divisor)
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient
}

/** `float.__format__` with `f`, without a sign. */
export function fixed(value: number, places: number): string {
  const digits = String(roundedDigits(value, places)).padStart(places + 1, '0')
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

/** Python's `round` of a float to places after the point. */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 323) return value
  if (places < -308) return Math.sign(value) * 0
  const digits = roundedDigits(value, places)
  const rounded = Number(`${digits}e${-places}`)
  return value < 0 || Object.is(value, -0) ? -rounded : rounded
}

/** @throws JinjaError for a whole number of more bits than a template may make */
export function bounded(bits: number): void {
  if (bits > LIMITS.bits) throw new JinjaError('limit', `it makes a number of more than ${LIMITS.bits} bits`)
  spend(bits / 64)
}

const bitsOf = (value: bigint) => value.toString(16).length * 4

function toFloat(value: bigint): number {
  const float = Number(value)
  if (!Number.isFinite(float)) raise('OverflowError', 'int too large to convert to float')
  return float
}

/** A number's float. */
export function floatOf(value: JinjaValue): number | undefined {
  if (typeof value === 'number') return value
  const int = intOf(value)
  return int === undefined ? undefined : toFloat(int)
}

/** An operator on two numbers; undefined where one is none. @throws JinjaError as Python raises */
export function arithmetic(
  operator: string,
  left: JinjaValue,
  right: JinjaValue,
): bigint | number | undefined {
  const [a, b] = [intOf(left), intOf(right)]
  if (a !== undefined && b !== undefined) return integers(operator, a, b)
  const [x, y] = [floatOf(left), floatOf(right)]
  return x === undefined || y === undefined ? undefined : floats(operator, x, y)
}

function integers(operator: string, a: bigint, b: bigint): bigint | number {
  switch (operator) {
    case '+':
      bounded(Math.max(bitsOf(a), bitsOf(b)))
      return a + b
    case '-':
      bounded(Math.max(bitsOf(a), bitsOf(b)))
      return a - b
    case '*':
      bounded(bitsOf(a) + bitsOf(b))
      return a * b
    case '/':
      return quotient(a, b)
    case '//':
      if (b === 0n) raise('ZeroDivisionError', 'integer division or modulo by zero')
      return (a - floorRest(a, b)) / b
    case '%':
      if (b === 0n) raise('ZeroDivisionError', 'integer modulo by zero')
      return floorRest(a, b)
  }
  if (b < 0n) return floats('**', toFloat(a), toFloat(b))
  if (b > 1n && a !== 0n && a !== 1n && a !== -1n) bounded(Number(b) * bitsOf(a))
  return a ** b
}

const floorRest = (a: bigint, b: bigint) => {
  const rest = a % b
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest
}

/** The float nearest to a quotient. */
function quotient(a: bigint, b: bigint): number {
  if (b === 0n) raise('ZeroDivisionError', 'division by zero')
  const isExact = [a, b].every((value) => Number.isSafeInteger(Number(value)))
  if (isExact) return Number(a) / Number(b)
  // 64 more bits than the quotient has, so that rounding them away rounds the quotient but for ties of 2^-64.
  const shift = BigInt(Math.max(0, 64 + bitsOf(b) - bitsOf(a)) + 64)
  const scaled = Number((a << shift) / b)
  const result = scaled / 2 ** Number(shift)
  if (!Number.isFinite(result)) raise('OverflowError', 'integer division result too large for a float')
  return result
}

function floats(operator: string, x: number, y: number): number {
  switch (operator) {
    case '+':
      return x + y
    case '-':
      return x - y
    case '*':
      return x * y
    case '/':
      if (y === 0) raise('ZeroDivisionError', 'float division by zero')
      return x / y
    case '//':
      if (y === 0) raise('ZeroDivisionError', 'float floor division by zero')
      return floorQuotient(x, y)
    case '%':
      if (y === 0) raise('ZeroDivisionError', 'float modulo')
      return floatRest(x, y)
  }
  if (x === 0 && y < 0) raise('ZeroDivisionError', '0.0 cannot be raised to a negative power')
  if (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y))
    unsupportedSyntax('a complex number')
  const power = x === 1 || (x === -1 && !Number.isFinite(y) && !Number.isNaN(y)) ? 1 : x ** y
  if (!Number.isFinite(power) && Number.isFinite(x) && Number.isFinite(y)) {
    raise('OverflowError', "(34, 'Numerical result out of range')")
  }
  return power
}

function floatRest(x: number, y: number): number {
  const rest = x % y
  if (rest === 0) return y < 0 ? -0 : 0
  return rest < 0 !== y < 0 ? rest + y : rest
}

/** As CPython: the quotient is rounded from what the rest leaves. */
function floorQuotient(x: number, y: number): number {
  const rest = floatRest(x, y)
  const quotient = (x - rest) / y
  if (quotient === 0) return Object.is(x / y, -0) || x / y < 0 ? -0 : 0
  const floor = Math.floor(quotient)
  return quotient - floor > 0.5 ? floor + 1 : floor
}

const DECIMAL = /^[+-]?\d+(?:_\d+)*$/
/** `int(text)`. @throws JinjaError for what is no number */
export function parseInteger(text: string): bigint {
  const clean = asciiDigits(text.trim())
  if (clean.length > 4300) valueError('Exceeds the limit (4300 digits) for integer string conversion')
  if (DECIMAL.test(clean)) return BigInt(clean.replaceAll('_', '').replace(/^\+/, ''))
  valueError(`invalid literal for int() with base 10: '${text}'`)
}

const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i
const WORD = /^([+-]?)(?:(inf(?:inity)?)|nan)$/i

/** `float(text)`; undefined for what is none. */
export function parseReal(text: string): number | undefined {
  const clean = asciiDigits(text.trim())
  const word = WORD.exec(clean)
  if (word) return word[2] ? (word[1] === '-' ? -Infinity : Infinity) : Number.NaN
  return FLOAT.test(clean) ? Number(clean.replaceAll('_', '')) : undefined
}

/** Decimal digits of all scripts as those of ASCII, which Python reads alike: each script has its ten in a row. */
function asciiDigits(text: string): string {
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!
    let zero = code
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
    return String(code - zero)
  })
}

/** `int(value)` of a float. @throws JinjaError for one that is infinite or none */
export function truncate(value: number): bigint {
  if (Number.isNaN(value)) valueError('cannot convert float NaN to integer')
  if (!Number.isFinite(value)) raise('OverflowError', 'cannot convert float infinity to integer')
  return BigInt(Math.trunc(value))
}
