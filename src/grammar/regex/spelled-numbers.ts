import type { Decimal } from './decimal.js'
import type { Bound } from './decimals.js'
import { exponentWithin } from './exponents.js'
import type { LeafMachine } from './regex.js'

/** Exponents of numbers other than 0 at most: from −20 to 20. */
export const LARGEST_EXPONENT = 20

const [ZERO, POINT] = [0x30, 0x2e]
const DISTINCT = Uint8Array.from(Buffer.from('0123456789.eE'))

/** Relations of the digits so far to those of a bound; from 0 on: so many of them are the same. */
const [LESS, GREATER] = [-1, -2]

/** A bound above 0: 0.digits · 10^exponent, no zero first or last. Of 0 there are no digits, and the exponent is −Infinity. */
interface Limit {
  readonly digits: string
  readonly exponent: number
  readonly strict: boolean
}

interface Range {
  readonly low: Limit | undefined
  readonly high: Limit | undefined
  /** Whether 0 is inside. */
  readonly zero: boolean
  /** Digits after the point that a number may need, below 0 for multiples of 10, 100, …; Infinity for any number. */
  readonly scale: number
  readonly key: string
}

/**
 * The numbers from `low` to `high` without a sign, in all spellings of JSON: with needless zeros and with exponents from −20 to 20, of 0
 * with any. A machine that compares digits as they come: whether a number is inside is a matter of its exponent, for which the digits say
 * from where to where it may be.
 * @param low undefined where 0 is inside
 * @param high not below 0
 * @param scale of multiples of 10^−scale; Infinity for any number
 */
export function spelledNumbers(low: Bound | undefined, high: Bound | undefined, scale: number): LeafMachine {
  const range = {
    low: low && low.value.sign > 0 ? limitOf(low) : undefined,
    high: high && limitOf(high),
    zero: !low,
    scale,
  }
  return new Start({ ...range, key: `spelled ${JSON.stringify(range)} ${scale} ` })
}

function limitOf({ value, strict }: Bound): Limit {
  const [whole, places] = (value as Decimal).digits
  const text = (whole + places).replace(/^0+/, '')
  const exponent = text === '' ? -Infinity : text.length - places.length
  return { digits: text.replace(/0+$/, ''), exponent, strict }
}

class Start implements LeafMachine {
  readonly distinct = DISTINCT
  readonly accepts = false
  readonly key: string

  constructor(readonly range: Range) {
    this.key = `${range.key}start`
  }

  next(byte: number): LeafMachine | undefined {
    if (!isDigit(byte)) return undefined
    if (byte === ZERO) return Mantissa.zeros(this.range, 'zero', 0)
    const first = { exponent: 0, toLow: 0, toHigh: 0, last: 0, places: 0 }
    return new Mantissa(this.range, 'whole', first).withDigit(byte - ZERO)
  }
}

/** Digits before the point, of which a zero is the only one; the point itself; digits after it. */
type Phase = 'zero' | 'whole' | 'point' | 'fraction'

/** Digits so far, as far as they count: the number is 0.digits · 10^exponent. */
interface Digits {
  readonly exponent: number
  readonly toLow: number
  readonly toHigh: number
  /** The last digit that is not 0 counts 10^last. */
  readonly last: number
  /** Digits after the point. */
  readonly places: number
}

class Mantissa implements LeafMachine {
  readonly distinct = DISTINCT
  readonly key: string

  /** @param digits undefined as long as all are zeros */
  constructor(
    readonly range: Range,
    readonly phase: Phase,
    readonly digits: Digits | undefined,
    readonly zeros = 0,
  ) {
    const { exponent, toLow, toHigh, last, places } = digits ?? {}
    this.key = `${range.key}${phase} ${digits ? `${exponent} ${toLow} ${toHigh} ${last} ${places}` : zeros}`
  }

  /** A number that has had so many zeros after its point, and no other digit; undefined where nothing can come of it. */
  static zeros(range: Range, phase: Phase, zeros: number): Mantissa | undefined {
    const { low, zero, scale } = range
    // Digits further on are all too small, or all too fine.
    const isLate = (low && LARGEST_EXPONENT - zeros < low.exponent) || zeros - scale >= LARGEST_EXPONENT
    if (isLate && !zero) return undefined
    return new Mantissa(range, phase, undefined, Math.min(zeros, mostZeros(range)))
  }

  /** The exponents with which the number as it stands is inside. */
  get exponents(): readonly [number, number] {
    const { range, digits, phase } = this
    if (phase === 'point') return [1, 0]
    if (!digits) return range.zero ? [-Infinity, Infinity] : [1, 0]
    const [least, most] = this.reach(true)
    const from = Math.max(-LARGEST_EXPONENT, least - digits.exponent, -range.scale - digits.last)
    return [from, Math.min(LARGEST_EXPONENT, most - digits.exponent)]
  }

  /** The exponents of 0.digits · 10^exponent that are inside. @param isWhole whether no more digits come */
  private reach(isWhole: boolean): readonly [number, number] {
    const { low, high } = this.range
    const { toLow, toHigh } = this.digits!
    const isBelow = low && (toLow === LESS || (isWhole && toLow >= 0 && isOutside(low, toLow, true)))
    const isAbove = high && (toHigh === GREATER || (isWhole && toHigh >= 0 && isOutside(high, toHigh, false)))
    return [
      low ? low.exponent + (isBelow ? 1 : 0) : -Infinity,
      high ? high.exponent - (isAbove ? 1 : 0) : Infinity,
    ]
  }

  get accepts(): boolean {
    const [from, to] = this.exponents
    return from <= 0 && to >= 0
  }

  next(byte: number): LeafMachine | undefined {
    const { phase, range, digits } = this
    if (isDigit(byte)) return phase === 'zero' ? undefined : this.withDigit(byte - ZERO)
    if (byte === POINT && (phase === 'zero' || phase === 'whole'))
      return digits ? new Mantissa(range, 'point', digits).alive() : Mantissa.zeros(range, 'point', 0)
    return byte === 0x65 || byte === 0x45 ? exponentWithin(...this.exponents) : undefined
  }

  withDigit(digit: number): Mantissa | undefined {
    const { range, digits, zeros } = this
    const phase = this.phase === 'whole' ? 'whole' : 'fraction'
    if (!digits && digit === 0) return Mantissa.zeros(range, 'fraction', zeros + 1)
    const before = digits ?? { exponent: -zeros, toLow: 0, toHigh: 0, last: 0, places: zeros }
    const places = phase === 'whole' ? 0 : before.places + 1
    const last = digit > 0 ? -places : phase === 'whole' ? before.last + 1 : before.last
    return new Mantissa(range, phase, {
      exponent: phase === 'whole' ? before.exponent + 1 : before.exponent,
      toLow: compared(range.low, before.toLow, digit),
      toHigh: compared(range.high, before.toHigh, digit),
      last,
      places,
    }).alive()
  }

  /** The same in the smallest numbers that make no difference; undefined where nothing can come of it. */
  private alive(): Mantissa | undefined {
    const { range, phase } = this
    const { low, scale } = range
    let { exponent, toLow, toHigh, last, places } = this.digits!
    const [least, most] = this.reach(false)
    if (least > most || exponent - LARGEST_EXPONENT > most) return undefined
    if (phase !== 'whole' && exponent + LARGEST_EXPONENT < least) return undefined
    // Its last digit that is not 0 is too fine, whatever the exponent.
    if (exponent - last - scale > most) return undefined
    const isFree = exponent > (low?.exponent ?? -Infinity) + LARGEST_EXPONENT
    if (isFree) toLow = GREATER
    if (!range.high && isFree) exponent = low ? low.exponent + LARGEST_EXPONENT + 1 : 0
    if (scale === Infinity) [last, places] = [0, 0]
    else {
      // The finest digit that can still count.
      const finest =
        scale + (phase === 'whole' ? LARGEST_EXPONENT : Math.min(LARGEST_EXPONENT, most - exponent))
      if (phase !== 'whole' && -last > finest) return undefined
      last = Math.min(last, LARGEST_EXPONENT - scale)
      places = Math.min(places, Math.max(0, finest))
    }
    return new Mantissa(range, phase, { exponent, toLow, toHigh, last, places })
  }
}

/** Zeros after a point beyond which all is alike. */
function mostZeros({ low, high, scale }: Range): number {
  if (high?.digits === '') return 0
  if (scale < Infinity) return Math.max(0, scale + LARGEST_EXPONENT)
  if (low) return Infinity
  return high ? Math.max(0, LARGEST_EXPONENT + 1 - high.exponent) : 0
}

/** Whether the digits so far, and no more, are outside of a bound whose first `same` digits they are. */
function isOutside({ digits, strict }: Limit, same: number, isLower: boolean): boolean {
  return same < digits.length ? isLower : strict
}

/** The relation after one more digit. */
function compared(limit: Limit | undefined, relation: number, digit: number): number {
  if (!limit || relation < 0) return limit ? relation : 0
  const own = relation < limit.digits.length ? Number(limit.digits[relation]) : 0
  if (digit !== own) return digit < own ? LESS : GREATER
  return Math.min(relation + 1, limit.digits.length)
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte < ZERO + 10
}
