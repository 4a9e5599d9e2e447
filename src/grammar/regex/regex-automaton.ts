import { type Automaton, DEAD } from '../automaton.js'
import { GrammarLimitError } from '../limits.js'
import { Transitions, UNTAKEN } from '../transitions.js'
import { withinReach } from './counters.js'
import { freeTextIsAll, freeTextOf } from './free-text.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'
import { distanceOf, shortestText } from './shortest.js'

/**
 * The regexes of a factory as one deterministic automaton whose transitions are derivatives, taken when they are first asked for. A state is
 * a regex; one whose language is empty is `DEAD`. Several automata of one factory do not share states: use one, and `stateOf`.
 */
export class RegexAutomaton implements Automaton {
  readonly start: number
  readonly #regexes: Regexes
  /** The regex of each state. */
  readonly #regexOf: Regex[]
  readonly #states = new Map<Regex, number>()
  readonly #transitions: Transitions
  readonly #freeText: number[] = []
  readonly #freeTextIsAll: boolean[] = []
  /** By state: `maskState` for as many bytes as were asked for last. */
  readonly #within: number[] = []
  #reach = -1

  constructor(regexes: Regexes, root: Regex) {
    this.#regexes = regexes
    this.#regexOf = [regexes.empty]
    this.#states.set(regexes.empty, DEAD)
    this.#transitions = new Transitions(regexes.partitions)
    this.#transitions.set(this.#transitions.add(regexes.partitions.trivial), 0, DEAD)
    this.start = this.stateOf(root)
  }

  get states(): number {
    return this.#regexOf.length
  }

  /** @throws GrammarLimitError where it cannot be found out whether the language is empty, or there are too many states */
  stateOf(regex: Regex): number {
    const known = this.#states.get(regex)
    if (known !== undefined) return known
    this.#regexes.refuel()
    const state = distanceOf(this.#regexes, regex) === Infinity ? DEAD : this.#add(regex)
    this.#states.set(regex, state)
    return state
  }

  inLimits<T>(work: () => T): T {
    return this.#regexes.inLimits(work)
  }

  regexOf(state: number): Regex {
    return this.#regexOf[state]
  }

  next(state: number, symbol: number): number {
    if (symbol > 255) return DEAD
    const known = this.#transitions.get(state, symbol)
    return known === UNTAKEN ? this.#take(state, symbol) : known
  }

  accepts(state: number): boolean {
    return this.#regexOf[state].nullable
  }

  freeText(state: number): number {
    this.#freeText[state] ??= freeTextOf(this, this.#regexes, state)
    return this.#freeText[state]
  }

  freeTextIsAll(state: number): boolean {
    this.#freeTextIsAll[state] ??= freeTextIsAll(this.#regexes, this.#regexOf[state])
    return this.#freeTextIsAll[state]
  }

  controls(): readonly number[] {
    return []
  }

  farthest(state: number): number {
    return this.#regexOf[state].farthest
  }

  completion(state: number): Uint8Array {
    this.#regexes.refuel()
    return shortestText(this.#regexes, this.#regexOf[state])
  }

  /**
   * A state after which the same texts of up to so many bytes may follow, and may end: one for all the states of a counter that is far from
   * its limits. Masks of tokens that are no longer are the same.
   */
  maskState(state: number, bytes: number): number {
    if (bytes !== this.#reach) this.#within.length = 0
    this.#reach = bytes
    this.#within[state] ??= this.stateOf(this.#withinReach(state, bytes))
    return this.#within[state]
  }

  #withinReach(state: number, bytes: number): Regex {
    this.#regexes.refuel()
    return withinReach(this.#regexes, this.#regexOf[state], bytes)
  }

  #take(state: number, byte: number): number {
    this.#regexes.refuel()
    const target = this.stateOf(this.#regexes.derivative(this.#regexOf[state], byte))
    this.#transitions.set(state, byte, target)
    return target
  }

  #add(regex: Regex): number {
    const { limits } = this.#regexes
    const state = this.#regexOf.length
    if (state >= limits.states)
      throw new GrammarLimitError(
        `The grammar takes more than ${limits.states} states; make its regular expressions simpler or their counters smaller.`,
      )
    this.#regexOf.push(regex)
    this.#transitions.add(this.#regexes.partition(regex))
    return state
  }
}
