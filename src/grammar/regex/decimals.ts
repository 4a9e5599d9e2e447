import { ByteSet } from './byte-set.js'
import type { Decimal } from './decimal.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'

/** One side of a range. */
export interface Bound {
  readonly value: Decimal
  readonly strict: boolean
}

/** Languages of decimals without sign and exponent, as JSON spells them, and of those between bounds. */
export class Decimals {
  readonly digit: Regex
  readonly digits: Regex
  readonly zeros: Regex
  /** Digits before the point: no zero leads, but for 0 itself. */
  readonly whole: Regex
  /** A point and digits after it, or nothing. */
  readonly fraction: Regex

  constructor(readonly regexes: Regexes) {
    this.digit = this.#oneOf('0', '9')
    this.digits = regexes.repeat(this.digit, 0, Infinity)
    this.zeros = regexes.repeat(regexes.literal('0'), 0, Infinity)
    this.whole = regexes.or([regexes.literal('0'), regexes.join(this.#oneOf('1', '9'), this.digits)])
    this.fraction = regexes.repeat(regexes.concat([regexes.literal('.'), this.digit, this.digits]), 0, 1)
  }

  /**
   * The decimals within bounds that are not negative, as languages to intersect.
   * @param fraction what may follow the whole part: `fraction`, or ε for integers, whose bounds are integers too
   */
  between(low: Bound | undefined, high: Bound | undefined, fraction: Regex): Regex[] {
    const { regexes } = this
    const equal = ({ value, strict }: Bound) => (strict ? regexes.empty : this.#equal(value, fraction))
    const parts: Regex[] = []
    if (low) parts.push(regexes.or([this.#above(low.value, fraction), equal(low)]))
    if (high) parts.push(regexes.or([this.#below(high.value, fraction), equal(high)]))
    return parts
  }

  /** Numbers above one that is not negative: longer, or greater at the first digit that differs. */
  #above(value: Decimal, fraction: Regex): Regex {
    const { regexes } = this
    const [whole, places] = value.digits
    const longer = regexes.concat([
      this.#oneOf('1', '9'),
      regexes.repeat(this.digit, whole.length, Infinity),
      fraction,
    ])
    const parts = [longer]
    for (let i = 0; i < whole.length; i++) {
      parts.push(
        regexes.concat([
          regexes.literal(whole.slice(0, i)),
          this.#higher(whole[i]),
          this.#digitsOf(whole.length - 1 - i),
          fraction,
        ]),
      )
    }
    if (fraction !== regexes.epsilon) {
      const point = regexes.literal(`${whole}.`)
      for (let i = 0; i < places.length; i++) {
        parts.push(
          regexes.concat([point, regexes.literal(places.slice(0, i)), this.#higher(places[i]), this.digits]),
        )
      }
      parts.push(
        regexes.concat([point, regexes.literal(places), this.zeros, this.#oneOf('1', '9'), this.digits]),
      )
    }
    return regexes.or(parts)
  }

  /** Numbers below one that is not negative. */
  #below(value: Decimal, fraction: Regex): Regex {
    const { regexes } = this
    const [whole, places] = value.digits
    const parts: Regex[] = []
    if (whole.length > 1) {
      const shorter = regexes.join(this.#oneOf('1', '9'), regexes.repeat(this.digit, 0, whole.length - 2))
      parts.push(regexes.join(regexes.or([regexes.literal('0'), shorter]), fraction))
    }
    for (let i = 0; i < whole.length; i++) {
      const least = i === 0 && whole.length > 1 ? '1' : '0'
      parts.push(
        regexes.concat([
          regexes.literal(whole.slice(0, i)),
          this.#lower(whole[i], least),
          this.#digitsOf(whole.length - 1 - i),
          fraction,
        ]),
      )
    }
    if (fraction !== regexes.epsilon && places !== '') {
      const point = regexes.literal(`${whole}.`)
      parts.push(regexes.literal(whole))
      for (let i = 0; i < places.length; i++) {
        const before = regexes.join(point, regexes.literal(places.slice(0, i)))
        if (i > 0) parts.push(before)
        parts.push(regexes.concat([before, this.#lower(places[i], '0'), this.digits]))
      }
    }
    return regexes.or(parts)
  }

  #equal(value: Decimal, fraction: Regex): Regex {
    const { regexes } = this
    const [whole, places] = value.digits
    if (places !== '') return regexes.concat([regexes.literal(`${whole}.${places}`), this.zeros])
    const zeros = regexes.concat([regexes.literal('.0'), this.zeros])
    return regexes.join(
      regexes.literal(whole),
      fraction === regexes.epsilon ? fraction : regexes.repeat(zeros, 0, 1),
    )
  }

  #digitsOf(count: number): Regex {
    return this.regexes.repeat(this.digit, count, count)
  }

  #higher(digit: string): Regex {
    return this.#oneOf(String.fromCharCode(digit.charCodeAt(0) + 1), '9')
  }

  #lower(digit: string, least: string): Regex {
    return this.#oneOf(least, String.fromCharCode(digit.charCodeAt(0) - 1))
  }

  #oneOf(first: string, last: string): Regex {
    return this.regexes.bytes(ByteSet.ranges([first.charCodeAt(0), last.charCodeAt(0)]))
  }
}

/** Whether a multiple of a number above 0 is within bounds. @param low not below 0 */
export function hasMultiple(
  { coefficient: divisor, scale }: Decimal,
  low: Bound | undefined,
  high: Bound | undefined,
): boolean {
  if (!high) return true
  const [from, to] = [low ? inUnits(low, scale, 1) : 0n, inUnits(high, scale, -1)]
  return to >= 0n && to - (to % divisor) >= from
}

/** A bound in units of 10^−scale, rounded into what it allows. @param direction 1 for lower bounds, −1 for upper ones */
export function inUnits({ value, strict }: Bound, scale: number, direction: 1 | -1): bigint {
  const finer = Math.max(scale, value.scale)
  const unit = 10n ** BigInt(finer - scale)
  const exact = value.atScale(finer)
  const rest = ((exact % unit) + unit) % unit
  const floor = (exact - rest) / unit
  if (rest === 0n) return strict ? floor + BigInt(direction) : floor
  return direction > 0 ? floor + 1n : floor
}
