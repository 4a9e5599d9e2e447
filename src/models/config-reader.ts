import { UserError } from '../errors.js'
import { isJsonObject } from '../json.js'

/** Fields of a config.json. */
export type Fields = Readonly<Record<string, unknown>>

/** Sizes above these are no model's: nothing is made of them before the weights have been looked at. */
const MOST: Readonly<Record<string, number>> = { num_hidden_layers: 10_000, head_dim: 65_536 }
const MOST_OF_OTHERS = 2 ** 31 - 1

/** A configuration that is not whole, which says nothing of what it would be. */
export class MissingField extends UserError {}

/** Typed access to the fields of a config.json, with messages that name field and file. */
export class ConfigReader {
  /** @param defaults what HF's configuration class takes for fields that the file leaves out */
  constructor(
    readonly values: Fields,
    private readonly origin: string,
    readonly defaults: Readonly<Record<string, number>>,
  ) {}

  /**
   * A positive integer; a field that the file does not have is what HF's configuration class takes.
   * @param fallback where it is null, or there is no such default
   */
  integer(name: string, fallback?: number): number {
    const value = this.number(name, fallback)
    const most = MOST[name] ?? MOST_OF_OTHERS
    if (Number.isSafeInteger(value) && value > 0 && value <= most) return value
    const wanted =
      value > most ? `and at most ${most.toLocaleString('en')} is read` : 'not a positive integer'
    throw this.error(`${name} is ${JSON.stringify(value)}, ${wanted}`)
  }

  /** The same of any finite number. */
  number(name: string, fallback?: number): number {
    const absent = this.values[name] === undefined ? this.defaults[name] : undefined
    const value = this.values[name] ?? absent ?? fallback
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (value === undefined) throw new MissingField(this.error(`${name} is missing`).message)
    throw this.error(`${name} is ${JSON.stringify(value)}, not a number`)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.values[name] ?? fallback
    if (typeof value === 'boolean') return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not true or false`)
  }

  /** @param values the object whose field it is */
  object(name: string, values: Fields = this.values): Fields | undefined {
    const value = values[name] ?? undefined
    if (value === undefined || isJsonObject(value)) return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not an object`)
  }

  /** Refuses a text that is none of `names`, HF's of one thing; what is not there is the first. */
  requireOneOf(name: string, names: readonly string[]): void {
    const found = this.values[name] ?? names[0]
    if (!names.includes(found as string)) {
      throw this.error(`${name} is ${JSON.stringify(found)}, not ${names[0]}`)
    }
  }

  /** The same file with other values of some fields. */
  with(fields: Fields): ConfigReader {
    return new ConfigReader({ ...this.values, ...fields }, this.origin, this.defaults)
  }

  error(fault: string): UserError {
    return new UserError(`The model cannot be built from ${this.origin}: ${fault}.`)
  }
}
