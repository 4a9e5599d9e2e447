import { Decimal } from './decimal.js'
import { type Bound, hasMultiple, inUnits } from './decimals.js'
import type { LeafMachine } from './regex.js'

const POINT = 0x2e
const ZERO = 0x30
const DISTINCT = Uint8Array.from(Buffer.from('0123456789.'))

/** The multiples of a number that are multiples of all of these. @param numbers above 0 */
export function commonMultiple(numbers: readonly Decimal[]): Decimal {
  const scale = Math.max(...numbers.map((number) => number.scale))
  const coefficients = numbers.map((number) => number.atScale(scale))
  return new Decimal(
    coefficients.reduce((a, b) => (a / greatestDivisor(a, b)) * b),
    scale,
  )
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** Multiples of `divisor` from `low` to `high`, all in units of 10^−scale. */
interface Multiples {
  readonly divisor: bigint
  readonly scale: number
  readonly low: bigint
  /** Undefined for no limit. */
  readonly high: bigint | undefined
  /** Whether zeros may follow the last digit that counts. */
  readonly zeros: boolean
  readonly key: string
}

/**
 * The multiples of a number above 0 within bounds, as unsigned JSON decimals without exponent: a machine that knows after every digit
 * whether one can still be reached. Bounds that are negative do not matter to it.
 * @param zeros whether zeros may follow the digits that the multiple has after the point
 */
export function multiplesWithin(
  multiple: Decimal,
  low: Bound | undefined,
  high: Bound | undefined,
  zeros: boolean,
): LeafMachine | undefined {
  const { coefficient: divisor, scale } = multiple
  const from = low ? inUnits(low, scale, 1) : 0n
  const to = high && inUnits(high, scale, -1)
  const multiples = {
    divisor,
    scale,
    low: from > 0n ? from : 0n,
    high: to,
    zeros,
    key: `multiples ${divisor} ${scale} ${from} ${to} ${zeros} `,
  }
  return hasMultiple(multiple, low, high) ? new Start(multiples) : undefined
}

/** The state before the first digit. */
class Start implements LeafMachine {
  readonly distinct = DISTINCT
  readonly accepts = false
  readonly key: string
  readonly shortest: number

  constructor(readonly multiples: Multiples) {
    this.key = `${multiples.key}start`
    const after = Array.from({ length: 10 }, (_, digit) => this.next(ZERO + digit)?.shortest ?? Infinity)
    this.shortest = 1 + Math.min(...after)
  }

  next(byte: number): LeafMachine | undefined {
    return isDigit(byte)
      ? bounded(this.multiples, BigInt(byte - ZERO), byte === ZERO ? 'zero' : 'whole')
      : undefined
  }
}

/** Digits before the point, of which a zero is the only one; those after it, or the point itself. */
type Phase = 'zero' | 'whole' | 'point' | number

/** The state after a prefix whose value still decides what the bounds allow; a free one where it does not. */
function bounded(multiples: Multiples, prefix: bigint, phase: Phase): State | undefined {
  const { low, high } = multiples
  let [from, to] = [-1, -1]
  let cut = false
  for (let digits = 0; digits <= mostDigits(phase); digits++) {
    const power = powerOfTen(digits + missingPlaces(multiples, phase))
    const least = prefix * power
    if (high !== undefined && least > high) break
    if (least + power <= low) continue
    const whole = least >= low && (high === undefined || least + power - 1n <= high)
    if (!whole) cut = true
    else {
      if (from < 0) from = digits
      to = digits
      // Without an upper bound, longer numbers are all within.
      if (high === undefined) {
        to = mostDigits(phase)
        break
      }
    }
  }
  if (cut) return alive(new Bounded(multiples, prefix, phase))
  return from < 0 ? undefined : free(multiples, prefix % multiples.divisor, phase, from, to)
}

/** The state where all numbers with `from` to `to` further digits before the point are within the bounds. */
function free(
  multiples: Multiples,
  remainder: bigint,
  phase: Phase,
  from: number,
  to: number,
): State | undefined {
  return to < from || to < 0 ? undefined : alive(new Free(multiples, remainder, phase, Math.max(0, from), to))
}

function alive<M extends { readonly shortest: number }>(machine: M): M | undefined {
  return machine.shortest === Infinity ? undefined : machine
}

/** Further digits before the point at most. */
function mostDigits(phase: Phase): number {
  return phase === 'whole' ? Infinity : 0
}

/** Digits after the point that count and are not there yet. */
function missingPlaces({ scale }: Multiples, phase: Phase): number {
  return typeof phase === 'number' ? scale - phase : scale
}

/** A prefix with a digit, and what may become of it. */
abstract class State implements LeafMachine {
  readonly distinct = DISTINCT
  abstract readonly key: string
  #shortest: number | undefined

  constructor(
    readonly multiples: Multiples,
    readonly phase: Phase,
  ) {}

  get accepts(): boolean {
    return this.phase !== 'point' && this.reaches(0, 0)
  }

  /** Bytes that are missing; Infinity where no multiple is within reach. */
  get shortest(): number {
    this.#shortest ??= this.#search()
    return this.#shortest
  }

  #search(): number {
    if (this.accepts) return 0
    const { phase } = this
    const places = missingPlaces(this.multiples, phase)
    const point = phase === 'zero' || phase === 'whole' ? 1 : 0
    let best = Infinity
    for (let digits = 0; digits < best && digits <= this.mostDigits + places; digits++) {
      if (digits <= this.mostDigits && this.reaches(digits, 0)) return Math.max(1, digits)
      for (let after = Math.max(1, digits - this.mostDigits); after <= Math.min(digits, places); after++) {
        if (best === Infinity && this.reaches(digits - after, after)) best = digits + point
      }
    }
    return best
  }

  next(byte: number): LeafMachine | undefined {
    const { phase, multiples } = this
    const places = typeof phase === 'number' ? phase : phase === 'point' ? 0 : -1
    if (byte === POINT)
      return places < 0 && (multiples.scale > 0 || multiples.zeros) ? this.moved('point') : undefined
    if (!isDigit(byte) || phase === 'zero') return undefined
    if (places < 0) return this.extended(byte - ZERO, 'whole')
    if (places < multiples.scale) return this.extended(byte - ZERO, places + 1)
    return byte === ZERO && multiples.zeros ? this.moved(places) : undefined
  }

  /** Digits that may still come before the point. */
  protected abstract readonly mostDigits: number
  /** Whether a multiple is within the bounds after so many digits before the point, and then after it. */
  protected abstract reaches(digits: number, places: number): boolean
  /** The state after a digit that counts. */
  protected abstract extended(digit: number, phase: Phase): LeafMachine | undefined
  /** The state after a byte that does not change the value. */
  protected abstract moved(phase: Phase): LeafMachine | undefined
}

class Bounded extends State {
  readonly key: string
  protected readonly mostDigits: number

  constructor(
    multiples: Multiples,
    readonly prefix: bigint,
    phase: Phase,
  ) {
    super(multiples, phase)
    this.key = `${multiples.key}${phase} ${prefix}`
    const { low, high, divisor, scale } = multiples
    if (phase !== 'whole') this.mostDigits = 0
    else if (high === undefined) this.mostDigits = lengthOf(low) + lengthOf(divisor)
    else this.mostDigits = lengthOf(high / powerOfTen(scale)) - lengthOf(prefix)
  }

  protected reaches(digits: number, places: number): boolean {
    const { low, high, divisor } = this.multiples
    const missing = missingPlaces(this.multiples, this.phase)
    const power = powerOfTen(digits + missing)
    const unit = powerOfTen(missing - places)
    const least = this.prefix * power
    const last = high === undefined || least + power - unit < high ? least + power - unit : high
    const step = (divisor / greatestDivisor(divisor, unit)) * unit
    return last - (last % step) >= larger(least, low)
  }

  protected extended(digit: number, phase: Phase): LeafMachine | undefined {
    return bounded(this.multiples, this.prefix * 10n + BigInt(digit), phase)
  }

  protected moved(phase: Phase): LeafMachine | undefined {
    return bounded(this.multiples, this.prefix, phase)
  }
}

class Free extends State {
  readonly key: string

  constructor(
    multiples: Multiples,
    readonly remainder: bigint,
    phase: Phase,
    /** Digits that must, and may, still come before the point. */
    readonly from: number,
    protected readonly mostDigits: number,
  ) {
    super(multiples, phase)
    this.key = `${multiples.key}${phase} mod ${remainder} ${from} ${mostDigits}`
  }

  protected reaches(digits: number, places: number): boolean {
    if (digits < this.from) return false
    const { divisor } = this.multiples
    const unit = powerOfTen(missingPlaces(this.multiples, this.phase) - places)
    const step = divisor / greatestDivisor(divisor, unit)
    const power = powerOfTen(digits + places)
    return (step - ((this.remainder * power) % step)) % step < power
  }

  protected extended(digit: number, phase: Phase): LeafMachine | undefined {
    const { multiples, from, mostDigits } = this
    const remainder = (this.remainder * 10n + BigInt(digit)) % multiples.divisor
    return typeof phase === 'number'
      ? free(multiples, remainder, phase, 0, 0)
      : free(multiples, remainder, phase, from - 1, mostDigits - 1)
  }

  protected moved(phase: Phase): LeafMachine | undefined {
    return this.from > 0 ? undefined : free(this.multiples, this.remainder, phase, 0, 0)
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function lengthOf(integer: bigint): number {
  return integer.toString().length
}

const powers: bigint[] = [1n]

function powerOfTen(exponent: number): bigint {
  while (powers.length <= exponent) powers.push(powers[powers.length - 1] * 10n)
  return powers[exponent]
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte < ZERO + 10
}
