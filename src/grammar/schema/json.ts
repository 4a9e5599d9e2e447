import { parseJson } from '../../json.js'
import { GrammarLimitError } from '../limits.js'

/** A JSON value that keeps what JavaScript's own loses: the spelling of numbers, the order of keys, keys such as `__proto__`. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject

export type JsonObject = ReadonlyMap<string, Json>

export class JsonNumber {
  constructor(readonly text: string) {}
}

/** Characters of a text, and levels of nesting, that are read. */
const LIMITS = { length: 4 * 1024 * 1024, depth: 500 }

/**
 * The value of a JSON text.
 * @param origin of the text, for messages
 * @param duplicate is told of each key that an object has twice; the last one counts
 * @throws UserError with line and column for what is no JSON, GrammarLimitError for a text that is too long or too deep
 */
export function readJson(text: string, origin: string, duplicate: (key: string) => void = () => {}): Json {
  if (text.length > LIMITS.length)
    throw new GrammarLimitError(`${origin} has ${text.length} characters; ${LIMITS.length} are the limit.`, 2)
  parseJson(text, origin, 2)
  return new Reader(text, origin, duplicate).value(0)
}

const SPACE = /[ \t\r\n]*/y
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Reads a text that is known to be JSON. */
class Reader {
  private offset = 0

  constructor(
    private readonly text: string,
    private readonly origin: string,
    private readonly duplicate: (key: string) => void,
  ) {}

  value(depth: number): Json {
    const first = this.peek()
    if (depth >= LIMITS.depth && (first === '{' || first === '['))
      throw new GrammarLimitError(`${this.origin} is nested more than ${LIMITS.depth} levels deep.`, 2)
    if (first === '"') return this.string()
    if (first === '{') return this.object(depth)
    if (first === '[') return this.array(depth)
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.offset)) continue
      this.offset += word.length
      return value
    }
    return new JsonNumber(this.match(NUMBER))
  }

  private object(depth: number): JsonObject {
    const members = new Map<string, Json>()
    this.offset++
    while (this.peek() !== '}') {
      const key = this.string()
      if (members.delete(key)) this.duplicate(key)
      this.peek()
      this.offset++
      members.set(key, this.value(depth + 1))
      if (this.peek() !== ',') break
      this.offset++
      this.peek()
    }
    this.offset++
    return members
  }

  private array(depth: number): readonly Json[] {
    const items: Json[] = []
    this.offset++
    while (this.peek() !== ']') {
      items.push(this.value(depth + 1))
      if (this.peek() !== ',') break
      this.offset++
    }
    this.offset++
    return items
  }

  private string(): string {
    const start = this.offset++
    while (this.text[this.offset] !== '"') this.offset += this.text[this.offset] === '\\' ? 2 : 1
    return JSON.parse(this.text.slice(start, ++this.offset)) as string
  }

  private peek(): string {
    this.match(SPACE)
    return this.text[this.offset]
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.offset
    const found = pattern.exec(this.text)![0]
    this.offset += found.length
    return found
  }
}

const WORDS = [
  ['null', null],
  ['true', true],
  ['false', false],
] as const

export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** A value as text without whitespace, its numbers as they were spelt. */
export function jsonText(value: Json): string {
  if (value instanceof JsonNumber) return value.text
  if (isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (isObject(value))
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`).join(',')}}`
  return JSON.stringify(value)
}

/** A text that equal values share: numbers by their value, objects whatever the order of their keys. */
export function canonicalJson(value: Json): string {
  if (value instanceof JsonNumber) return canonicalNumber(value.text)
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = [...value].map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.sort().join(',')}}`
}

/** Digits without zeros at either end, and a power of ten: equal for `1`, `1.0` and `10e-1`. */
export function canonicalNumber(text: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(
    text,
  )!
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${sign}${significant}e${power}`
}
