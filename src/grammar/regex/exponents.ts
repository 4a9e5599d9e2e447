import type { LeafMachine } from './regex.js'

const ZERO = 0x30
const DISTINCT = Uint8Array.from(Buffer.from('0123456789+-'))

/** The exponents from `from` to `to` after the letter: with either sign or none, and zeros before their digits. Undefined for none. */
export function exponentWithin(from: number, to: number): LeafMachine | undefined {
  return from <= to ? new Exponent(from, to, 0, undefined) : undefined
}

class Exponent implements LeafMachine {
  readonly distinct = DISTINCT
  readonly key: string

  /**
   * @param sign 0 before any, else 1 or −1
   * @param value of the digits so far; undefined before any
   */
  constructor(
    readonly from: number,
    readonly to: number,
    readonly sign: number,
    readonly value: number | undefined,
  ) {
    this.key = `exponent ${from} ${to} ${sign} ${value}`
  }

  get accepts(): boolean {
    return this.value !== undefined && this.has(this.value)
  }

  next(byte: number): LeafMachine | undefined {
    const { from, to, sign, value } = this
    if (byte === 0x2b || byte === 0x2d)
      return sign === 0 ? new Exponent(from, to, byte === 0x2d ? -1 : 1, undefined).alive() : undefined
    if (byte < ZERO || byte > ZERO + 9) return undefined
    const longer = from === -Infinity && to === Infinity ? 0 : 10 * (value ?? 0) + byte - ZERO
    return new Exponent(from, to, sign || 1, longer).alive()
  }

  private has(value: number): boolean {
    const exponent = this.sign < 0 ? -value : value
    return this.from <= exponent && exponent <= this.to
  }

  /** Undefined where no exponent begins like this. */
  private alive(): Exponent | undefined {
    const { sign, value = 0 } = this
    const [from, to] = sign < 0 ? [-this.to, -this.from] : [this.from, this.to]
    if (value === 0) return to >= 0 ? this : undefined
    for (let power = 1; value * power <= to; power *= 10) if ((value + 1) * power > from) return this
    return undefined
  }
}
