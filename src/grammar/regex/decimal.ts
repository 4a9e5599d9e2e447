import { usageError } from '../../errors.js'
import { GrammarLimitError } from '../limits.js'

/** Digits of a number's text, its exponent written out, at most. */
const MOST_DIGITS = 2_000

/** An exact decimal number: coefficient / 10^scale, the coefficient no multiple of ten where the scale is above 0. */
export class Decimal {
  readonly coefficient: bigint
  /** Digits after the point, ≥ 0. */
  readonly scale: number

  constructor(coefficient: bigint, scale: number) {
    let [c, s] = scale < 0 ? [coefficient * 10n ** BigInt(-scale), 0] : [coefficient, scale]
    for (; s > 0 && c % 10n === 0n; s--) c /= 10n
    this.coefficient = c
    this.scale = s
  }

  /** @param text a number as JSON writes it @throws UserError where it is none, or too long */
  static parse(text: string): Decimal {
    const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
    if (!parts) throw usageError(`${JSON.stringify(text.slice(0, 80))} is not a number.`)
    const [, sign, whole, fraction = '', exponent = '0'] = parts
    if (whole.length + fraction.length + Math.abs(Number(exponent)) > MOST_DIGITS) {
      throw new GrammarLimitError(`The number ${text.slice(0, 80)} has more than ${MOST_DIGITS} digits.`)
    }
    return new Decimal(BigInt(sign + whole + fraction), fraction.length - Number(exponent))
  }

  /** The number times ten to a power. */
  shifted(power: number): Decimal {
    return new Decimal(this.coefficient, this.scale - power)
  }

  get negated(): Decimal {
    return new Decimal(-this.coefficient, this.scale)
  }

  /** The coefficient for a scale not below its own. */
  atScale(scale: number): bigint {
    return this.coefficient * 10n ** BigInt(scale - this.scale)
  }

  get sign(): number {
    return this.coefficient > 0n ? 1 : this.coefficient < 0n ? -1 : 0
  }

  get whole(): boolean {
    return this.scale === 0
  }

  /** The digits before and after the point, for a number that is not negative. */
  get digits(): readonly [string, string] {
    const text = this.coefficient.toString().padStart(this.scale + 1, '0')
    return [text.slice(0, text.length - this.scale), text.slice(text.length - this.scale)]
  }
}
