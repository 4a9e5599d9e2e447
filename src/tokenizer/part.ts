import { isJsonObject } from '../json.js'
import { tokenizerFault, wrongField } from './tokenizer-json.js'

/** What a pattern of a normalizer, pre-tokenizer or decoder is: a text as it is, or a regex of Oniguruma. */
type Pattern = { readonly literal: string } | { readonly regex: string }

/** Parts nested deeper than this are no pipeline. */
const MOST_NESTED = 16

/**
 * A part of a tokenizer's pipeline, an object with a `type`, whose fields are read by kind.
 * Each reading throws a UserError that names the field where it is absent or of another kind.
 */
export class Part {
  readonly type: string
  private readonly fields: Readonly<Record<string, unknown>>

  /** @param path of the part within tokenizer.json, such as `pre_tokenizer.pretokenizers[1]` */
  constructor(
    readonly path: string,
    value: unknown,
    private readonly depth = 0,
  ) {
    if (!isJsonObject(value)) throw wrongField(path, value, 'an object')
    if (depth > MOST_NESTED) throw tokenizerFault(`its ${path} is nested too deep`)
    this.fields = value
    this.type = this.text('type')
  }

  /** The field's path, for messages. */
  at(field: string): string {
    return `${this.path}.${field}`
  }

  raw(field: string): unknown {
    return this.fields[field]
  }

  /** The field, which may be empty; `byDefault` where it is absent or null. */
  text(field: string, byDefault?: string): string {
    const value = this.fields[field] ?? byDefault
    if (typeof value !== 'string') throw wrongField(this.at(field), value, 'a text')
    return value
  }

  /** The field, a single character. */
  character(field: string, byDefault?: string): string {
    const value = this.text(field, byDefault)
    if ([...value].length !== 1) throw wrongField(this.at(field), value, 'one character')
    return value
  }

  flag(field: string, byDefault: boolean): boolean {
    const value = this.fields[field] ?? byDefault
    if (typeof value !== 'boolean') throw wrongField(this.at(field), value, 'true or false')
    return value
  }

  /** A whole number of 0 to 2^31. */
  count(field: string, byDefault?: number): number {
    const value = this.fields[field] ?? byDefault
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31)
      return value as number
    throw wrongField(this.at(field), value, 'a whole number')
  }

  pattern(field = 'pattern'): Pattern {
    const value = this.fields[field]
    const { String: literal, Regex: regex } = isJsonObject(value) ? value : {}
    if (typeof regex === 'string' && regex !== '') return { regex }
    if (typeof literal === 'string' && literal !== '') return { literal }
    throw wrongField(this.at(field), value, 'an object with a text "String" or "Regex"')
  }

  /** The parts of a list, those of nested `Sequence`s in their places. */
  parts(field: string): Part[] {
    const value = this.fields[field]
    if (!Array.isArray(value)) throw wrongField(this.at(field), value, 'a list')
    return value.flatMap((item, i) => {
      const part = new Part(`${this.at(field)}[${i}]`, item, this.depth + 1)
      return part.type === 'Sequence' ? part.parts(field) : [part]
    })
  }
}

/**
 * The parts of a pipeline's stage in order, `Sequence`s flattened; none for null.
 * @param name of the stage in tokenizer.json
 * @param field of a `Sequence` that lists its parts
 */
export function stageParts(value: unknown, name: string, field: string): Part[] {
  if (value === null || value === undefined) return []
  const part = new Part(name, value)
  return part.type === 'Sequence' ? part.parts(field) : [part]
}
