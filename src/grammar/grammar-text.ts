import { excerpt, UserError } from '../errors.js'
import { GrammarLimitError } from './limits.js'

/** Characters of a grammar at most. */
const LONGEST_GRAMMAR = 4_000_000
/** Groups in groups at most. */
const DEEPEST_NESTING = 500
/** Repetitions of a repetition at most. */
const MOST_REPETITIONS = 4
/** The largest count of a repetition. */
const LARGEST_COUNT = 2 ** 31

/** Thrown for a grammar that is malformed or asks for what is not supported; wrong usage. */
export class GrammarError extends UserError {
  constructor(message: string) {
    super(message, 2)
  }
}

/** The text of a grammar while it is read. Places are indices of UTF-16 units. */
export class GrammarText {
  at = 0
  #depth = 0

  /** @param notation such as GBNF, for messages */
  constructor(
    readonly text: string,
    readonly notation: string,
  ) {
    if (text.length > LONGEST_GRAMMAR)
      throw new GrammarLimitError(`The ${notation} grammar has more than ${LONGEST_GRAMMAR} characters.`)
  }

  /** @throws GrammarError with a sentence that ends in the place */
  fail(what: string, at = this.at): never {
    const before = this.text.slice(0, at)
    const line = before.split('\n').length
    const column = Array.from(before.slice(before.lastIndexOf('\n') + 1)).length + 1
    throw new GrammarError(`${what}, at line ${line}, column ${column} of the ${this.notation} grammar.`)
  }

  /** @throws GrammarError that tells what stands here instead */
  expect(what: string): never {
    const found = this.match(/[\w-]+|./suy)?.[0]
    return this.fail(`There is ${found ? excerpt(JSON.stringify(found), 40) : 'the end'} instead of ${what}`)
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  /** The match of a sticky pattern here; it is not stepped over. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    return pattern.exec(this.text) ?? undefined
  }

  /** Steps over a text where it is next. */
  take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }

  /** Steps over the match of a sticky pattern. */
  takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    const found = this.match(pattern)
    if (found) this.at += found[0].length
    return found
  }

  /** Steps over one character and gives its code point. */
  character(): number {
    const codePoint = this.text.codePointAt(this.at)
    if (codePoint === undefined) return this.fail('The grammar ends in the middle')
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) this.fail('There is half a character')
    this.at += codePoint > 0xffff ? 2 : 1
    return codePoint
  }

  /** Code points of hexadecimal digits. @param start of the escape, for messages */
  hexadecimal(digits: number, start: number): number {
    const found = this.takeMatch(/[0-9a-fA-F]*/y)![0].slice(0, digits)
    const codePoint = Number.parseInt(found, 16)
    this.at = start + 2 + digits
    if (found.length < digits) this.fail(`The escape lacks some of its ${digits} hexadecimal digits`, start)
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff))
      this.fail('The escape is of no character', start)
    return codePoint
  }

  /** The count of a repetition, in decimal. */
  count(): number {
    const start = this.at
    const digits = this.takeMatch(/\d+/y)?.[0]
    if (!digits) return this.expect('a count')
    if (Number(digits) > LARGEST_COUNT) this.fail(`A count is above ${LARGEST_COUNT}`, start)
    return Number(digits)
  }

  /** @param repeated how often what is repeated was repeated before */
  checkRepetition(min: number, max: number, repeated: number, start: number): void {
    if (max < min) this.fail(`The repetition's ${min} is above its ${max}`, start)
    if (repeated >= MOST_REPETITIONS) this.fail('Too many repetitions follow each other', start)
  }

  /** Reads what is inside of a group. @throws GrammarLimitError where groups are nested too deep */
  nested<T>(read: () => T): T {
    if (++this.#depth > DEEPEST_NESTING)
      throw new GrammarLimitError(
        `The ${this.notation} grammar nests groups deeper than ${DEEPEST_NESTING}; give some of them rules of their own.`,
      )
    const result = read()
    this.#depth--
    return result
  }
}
