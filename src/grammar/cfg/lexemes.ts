import { type Automaton, CONTROL, DEAD, inLimits } from '../automaton.js'
import type { Regexes } from '../regex/nodes.js'
import type { Partition } from '../regex/partition.js'
import { Regex } from '../regex/regex.js'
import { RegexAutomaton } from '../regex/regex-automaton.js'
import type { RuleTerminal } from './productions.js'

/** The terminals of a grammar as one automaton: regular expressions share theirs, other automata have states of their own. */
export class TerminalLexemes {
  readonly #automata: Automaton[]
  readonly #regular: RegexAutomaton
  readonly #starts: readonly number[]
  /** After it nothing follows in a regular expression. */
  readonly #ended: number
  /** Every byte is told apart. */
  readonly #bytes: Partition

  constructor(
    readonly regexes: Regexes,
    terminals: readonly RuleTerminal[],
  ) {
    this.#regular = new RegexAutomaton(regexes, regexes.epsilon)
    this.#automata = [this.#regular]
    for (const terminal of new Set(terminals)) if (!(terminal instanceof Regex)) this.#automata.push(terminal)
    const places = new Map(this.#automata.map((automaton, i) => [automaton, i]))
    this.#starts = terminals.map((terminal) =>
      terminal instanceof Regex
        ? this.#number(0, this.#regular.stateOf(terminal))
        : this.#number(places.get(terminal)!, terminal.start),
    )
    this.#ended = this.#number(0, this.#regular.start)
    this.#bytes = regexes.partitions.of(Uint8Array.from({ length: 256 }, (_, byte) => byte))
  }

  /** The state at a terminal's begin; `DEAD` where its language is empty. */
  start(terminal: number): number {
    return this.#starts[terminal]
  }

  inLimits<T>(work: () => T): T {
    return this.#automata.reduce<() => T>((inner, automaton) => () => inLimits(automaton, inner), work)()
  }

  next(state: number, symbol: number): number {
    const count = this.#automata.length
    const place = state % count
    return this.#number(place, this.#automata[place].next((state - place) / count, symbol))
  }

  accepts(state: number): boolean {
    return this.automaton(state).accepts(this.inner(state))
  }

  /** Whether a terminal may go on; true also where it is not known. */
  goesOn(state: number): boolean {
    return state !== this.#ended
  }

  /** Whether any text that is not empty follows. */
  hasText(state: number): boolean {
    if (state === DEAD || state === this.#ended) return false
    if (this.controls(state).length > 0) return true
    for (let byte = 0; byte < 256; byte++) if (this.next(state, byte) !== DEAD) return true
    return false
  }

  /** Bytes that lead to the same state. */
  partition(state: number): Partition {
    return this.automaton(state) === this.#regular
      ? this.regexes.partition(this.#regular.regexOf(this.inner(state)))
      : this.#bytes
  }

  freeText(state: number): number {
    return this.automaton(state).freeText(this.inner(state))
  }

  controls(state: number): readonly number[] {
    return this.automaton(state).controls(this.inner(state))
  }

  /** Bytes and control tokens of a shortest text. */
  completion(state: number): readonly number[] {
    const automaton = this.automaton(state)
    const inner = this.inner(state)
    if (automaton.accepts(inner)) return []
    const bytes = automaton.completion(inner)
    return bytes.length > 0
      ? [...bytes]
      : automaton
          .controls(inner)
          .slice(0, 1)
          .map((id) => CONTROL + id)
  }

  automaton(state: number): Automaton {
    return this.#automata[state % this.#automata.length]
  }

  inner(state: number): number {
    return Math.floor(state / this.#automata.length)
  }

  #number(place: number, state: number): number {
    return state === DEAD ? DEAD : state * this.#automata.length + place
  }
}
