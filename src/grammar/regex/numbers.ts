import { usageError } from '../../errors.js'
import { ByteSet } from './byte-set.js'
import { Decimal } from './decimal.js'
import { type Bound, Decimals, hasMultiple } from './decimals.js'
import { commonMultiple, multiplesWithin } from './multiples.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'
import { LARGEST_EXPONENT, spelledNumbers } from './spelled-numbers.js'

/** Numbers by their value; each bound is the text of a JSON number and exact. */
export interface NumberRange {
  readonly minimum?: string
  readonly maximum?: string
  readonly exclusiveMinimum?: string
  readonly exclusiveMaximum?: string
  /** The number is a multiple of all of these. */
  readonly multipleOf?: readonly string[]
  readonly integer?: boolean
}

export interface NumberSpelling {
  /** Every spelling that may be read: `1.0` and `1e2` for integers, zeros at the end, exponents for numbers with bounds too. */
  readonly anySpelling?: boolean
  /** Integers have neither point nor exponent, as JSON Schema's draft 4 has it. */
  readonly digitsOnly?: boolean
}

interface Interval {
  readonly low?: Bound
  readonly high?: Bound
  readonly multiple?: Decimal
}

/**
 * The JSON numbers of a range, as they are spelt. A number without bounds may be written with an exponent, of at most two digits: with three,
 * parsers read many as Infinity, which is no JSON. One with bounds has none, unless any spelling may be read.
 * @throws UserError where a bound is no number or a multiple not above 0
 */
export function numberLanguage(regexes: Regexes, range: NumberRange, spelling: NumberSpelling = {}): Regex {
  regexes.refuel()
  const signed = new Numbers(regexes, range.integer === true, spelling)
  return signed.language(intervalOf(range))
}

/** `numberLanguage` of integers. */
export function integerLanguage(regexes: Regexes, range: NumberRange, spelling: NumberSpelling = {}): Regex {
  return numberLanguage(regexes, { ...range, integer: true }, spelling)
}

function intervalOf(range: NumberRange): Interval {
  const multiples = [...(range.multipleOf ?? []), ...(range.integer ? ['1'] : [])].map(Decimal.parse)
  if (multiples.some(({ sign }) => sign <= 0))
    throw usageError(`A multiple of ${range.multipleOf} is asked for; it must be above 0.`)
  return {
    low: tighter(bound(range.minimum, false), bound(range.exclusiveMinimum, true), 1),
    high: tighter(bound(range.maximum, false), bound(range.exclusiveMaximum, true), -1),
    multiple: multiples.length > 0 ? commonMultiple(multiples) : undefined,
  }
}

function bound(text: string | undefined, strict: boolean): Bound | undefined {
  return text === undefined ? undefined : { value: Decimal.parse(text), strict }
}

/** The bound that leaves less. @param direction 1 for lower bounds, −1 for upper ones */
function tighter(a: Bound | undefined, b: Bound | undefined, direction: number): Bound | undefined {
  if (!a || !b) return a ?? b
  const scale = Math.max(a.value.scale, b.value.scale)
  const difference = a.value.atScale(scale) - b.value.atScale(scale)
  if (difference === 0n) return b
  return difference > 0n === direction > 0 ? a : b
}

/** Numbers of an interval in the spellings that are asked for. */
class Numbers {
  readonly #decimals: Decimals

  constructor(
    readonly regexes: Regexes,
    readonly integer: boolean,
    readonly spelling: NumberSpelling,
  ) {
    this.#decimals = new Decimals(regexes)
  }

  language(interval: Interval): Regex {
    const { regexes, spelling } = this
    const free = !interval.low && !interval.high && !interval.multiple
    if (!free && this.#trailingZeros && isPowerOfTen(interval.multiple))
      return this.#signed(interval, (size) => this.#spelled(size))
    const spellings = [this.#signed(interval, (size) => this.#unsigned(size))]
    if (free) spellings.push(regexes.join(spellings[0], this.#exponent(spelling.anySpelling ? Infinity : 2)))
    else if (this.#trailingZeros) spellings.push(...this.#scientific(interval))
    return regexes.or(spellings)
  }

  /** Numbers of at least 0 in all spellings, where what they are multiples of is a power of ten. */
  #spelled({ low, high, multiple }: Interval): Regex {
    const { regexes } = this
    const isEmpty = multiple ? !hasMultiple(multiple, low, high) : low && high && isAbove(low, high)
    if (isEmpty) return regexes.empty
    const scale = multiple ? multiple.scale + 1 - `${multiple.coefficient}`.length : Infinity
    return regexes.machine(spelledNumbers(low, high, scale))
  }

  /** Multiples with an exponent, of which those that have the same digits for several powers are one language. */
  #scientific(interval: Interval): readonly Regex[] {
    const { regexes } = this
    const powers = new Map<Regex, Regex[]>()
    for (let power = -LARGEST_EXPONENT; power <= LARGEST_EXPONENT; power++) {
      const digits = this.#signed(shifted(interval, -power), (size) => this.#unsigned(size))
      const same = powers.get(digits)
      if (same) same.push(this.#power(power))
      else powers.set(digits, [this.#power(power)])
    }
    return [...powers].map(([digits, exponents]) => regexes.join(digits, regexes.or(exponents)))
  }

  /** Zero belongs to both signs. @param unsigned gives the numbers of an interval that are not below 0 */
  #signed(interval: Interval, unsigned: (interval: Interval) => Regex): Regex {
    const { regexes } = this
    const sized = ({ low, high, multiple }: Interval) => {
      if (high && (high.value.sign < 0 || (high.value.sign === 0 && high.strict))) return regexes.empty
      const isLimited = low && (low.value.sign > 0 || (low.value.sign === 0 && low.strict))
      return unsigned({ low: isLimited ? low : undefined, high, multiple })
    }
    const negative = { low: negated(interval.high), high: negated(interval.low), multiple: interval.multiple }
    return regexes.or([sized(interval), regexes.join(regexes.literal('-'), sized(negative))])
  }

  /** Numbers of at least 0 without exponent. */
  #unsigned({ low, high, multiple }: Interval): Regex {
    const { regexes } = this
    if (multiple && multiple.coefficient > 1n) {
      const machine = multiplesWithin(multiple, low, high, this.#trailingZeros)
      return machine ? regexes.machine(machine) : regexes.empty
    }
    const { whole, fraction } = this.#decimals
    if (!multiple) {
      // A comparison holds numbers of the right form only.
      const parts = this.#decimals.between(low, high, fraction)
      return parts.length > 0 ? regexes.and(parts) : regexes.join(whole, fraction)
    }
    const places = this.#places(multiple.scale)
    if (!multiple.whole)
      return regexes.and([regexes.join(whole, places), ...this.#decimals.between(low, high, fraction)])
    const integers = this.#decimals.between(rounded(low, 1), rounded(high, -1), regexes.epsilon)
    return regexes.join(integers.length > 0 ? regexes.and(integers) : whole, places)
  }

  /** Whether zeros may follow the last digit that counts. */
  get #trailingZeros(): boolean {
    return this.spelling.anySpelling === true && !(this.integer && this.spelling.digitsOnly)
  }

  /** Digits after the point, limited. */
  #places(most: number): Regex {
    const { regexes } = this
    if (most === 0) return regexes.epsilon
    return regexes.repeat(
      regexes.join(regexes.literal('.'), regexes.repeat(this.#decimals.digit, 1, most)),
      0,
      1,
    )
  }

  #exponent(digits: number): Regex {
    const { regexes } = this
    return regexes.concat([
      this.#bytes('eE'),
      regexes.repeat(this.#bytes('+-'), 0, 1),
      regexes.repeat(this.#decimals.digit, 1, digits),
    ])
  }

  /** The exponent of one power of ten. */
  #power(power: number): Regex {
    const { regexes } = this
    const plus = regexes.repeat(power === 0 ? this.#bytes('+-') : regexes.literal('+'), 0, 1)
    return regexes.concat([
      this.#bytes('eE'),
      power < 0 ? regexes.literal('-') : plus,
      this.#decimals.zeros,
      regexes.literal(`${Math.abs(power)}`),
    ])
  }

  #bytes(characters: string): Regex {
    return this.regexes.bytes(ByteSet.of(Buffer.from(characters)))
  }
}

function isPowerOfTen(multiple: Decimal | undefined): boolean {
  return !multiple || /^10*$/.test(`${multiple.coefficient}`)
}

/** Whether no number is within both bounds. */
function isAbove(low: Bound, high: Bound): boolean {
  const scale = Math.max(low.value.scale, high.value.scale)
  const difference = high.value.atScale(scale) - low.value.atScale(scale)
  return difference < 0n || (difference === 0n && (low.strict || high.strict))
}

function negated(bound: Bound | undefined): Bound | undefined {
  return bound && { value: bound.value.negated, strict: bound.strict }
}

function shifted({ low, high, multiple }: Interval, power: number): Interval {
  const by = (bound: Bound | undefined) => bound && { ...bound, value: bound.value.shifted(power) }
  return { low: by(low), high: by(high), multiple: multiple?.shifted(power) }
}

/** The nearest integer within a bound. @param direction 1 for lower bounds, −1 for upper ones; the value is not negative */
function rounded(bound: Bound | undefined, direction: number): Bound | undefined {
  if (!bound || bound.value.whole) return bound
  const floor = bound.value.coefficient / 10n ** BigInt(bound.value.scale)
  return { value: new Decimal(direction > 0 ? floor + 1n : floor, 0), strict: false }
}
