import { DEAD } from '../automaton.js'
import type { Lexer } from '../lexical.js'
import type { Regexes } from '../regex/nodes.js'
import type { Regex } from '../regex/regex.js'
import type { RegexAutomaton } from '../regex/regex-automaton.js'
import { Tuples } from '../tuples.js'

/**
 * A state of a lexeme: that of one regex is the automaton's, above 0; several that run side by side have a number below 0. The first one
 * says what may be read, the others are only asked at the end.
 */
export type Lexeme = number

const UNKNOWN = -(2 ** 31)

/** The states of numbers, strings and words that are being read. */
export class Lexemes implements Lexer {
  private readonly several = new Tuples()
  private readonly rows: Int32Array[] = []
  private readonly verdictLists = new Tuples()
  private readonly end: number

  constructor(
    readonly automaton: RegexAutomaton,
    regexes: Regexes,
  ) {
    this.verdictLists.intern([])
    this.end = automaton.stateOf(regexes.epsilon)
  }

  start(regexes: readonly Regex[]): Lexeme {
    return this.of(regexes.map((regex) => this.automaton.stateOf(regex)))
  }

  private of(states: readonly number[]): Lexeme {
    if (states[0] === DEAD) return DEAD
    return states.length === 1 ? states[0] : -1 - this.several.intern(states)
  }

  next(lexeme: Lexeme, byte: number): Lexeme {
    if (lexeme >= 0) return this.automaton.next(lexeme, byte)
    this.rows[-1 - lexeme] ??= new Int32Array(256).fill(UNKNOWN)
    const row = this.rows[-1 - lexeme]
    if (row[byte] === UNKNOWN)
      row[byte] = this.of(this.states(lexeme).map((state) => this.automaton.next(state, byte)))
    return row[byte]
  }

  states(lexeme: Lexeme): readonly number[] {
    return lexeme >= 0 ? [lexeme] : this.several.tuple(-1 - lexeme)
  }

  /** The state of the regex that says what may be read. */
  first(lexeme: Lexeme): number {
    return lexeme >= 0 ? lexeme : this.several.tuple(-1 - lexeme)[0]
  }

  /** One that reads the same texts of so many bytes, as of the automaton. */
  withinReach(lexeme: Lexeme, bytes: number): Lexeme {
    return this.of(this.states(lexeme).map((state) => this.automaton.maskState(state, bytes)))
  }

  identity(lexeme: Lexeme): object {
    if (lexeme < 0) return this.several.tuple(-1 - lexeme)
    const regex = this.automaton.regexOf(lexeme)
    const [head, tail] = regex.parts
    // The machine of a fixed language is the same in all factories, and a quotation mark follows.
    if (regex.kind === 'concat' && head.machine?.fixed && tail.text === '"') return head.machine
    return regex.machine?.fixed ?? regex
  }

  /** Whether nothing more can be read. */
  isOver(lexeme: Lexeme): boolean {
    return lexeme === this.end || (lexeme < 0 && this.first(lexeme) === this.end)
  }

  accepts(lexeme: Lexeme): boolean {
    return this.automaton.accepts(this.first(lexeme))
  }

  verdict(lexeme: Lexeme): number {
    return lexeme >= 0 ? 0 : this.verdictLists.intern(this.verdicts(lexeme).map(Number))
  }

  /** What is known of a word by its verdict's number: whether it is in the languages of the others. */
  verdictsOf(verdict: number): readonly boolean[] {
    return this.verdictLists.tuple(verdict).map(Boolean)
  }

  freeText(lexeme: Lexeme): number {
    return this.automaton.freeText(this.first(lexeme))
  }

  freeTextIsAll(lexeme: Lexeme): boolean {
    return this.automaton.freeTextIsAll(this.first(lexeme))
  }

  /** Whether the text so far is in the languages of the others. */
  verdicts(lexeme: Lexeme): readonly boolean[] {
    return this.states(lexeme)
      .slice(1)
      .map((state) => this.automaton.accepts(state))
  }
}
