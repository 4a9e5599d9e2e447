import { usageError } from '../../errors.js'
import { type Automaton, CONTROL, DEAD } from '../automaton.js'
import { GrammarLimitError } from '../limits.js'
import type { Regexes } from '../regex/nodes.js'
import { Regex } from '../regex/regex.js'
import { distanceOf } from '../regex/shortest.js'
import { Transitions, UNTAKEN } from '../transitions.js'
import { Completions } from './completion.js'
import { derive } from './derivations.js'
import type { RuleGrammar } from './expression.js'
import { FrameSet, FrameTable, type ItemFrames, type ItemRow } from './frames.js'
import { TerminalLexemes } from './lexemes.js'
import { productionsOf } from './productions.js'
import { foldRegular } from './regular.js'
import { Rows } from './rows.js'
import { Slots } from './slots.js'

/** Open terminals of one state, and of all states, at most. */
const MOST_OPEN = 2_000
const MOST_KEPT = 2 ** 24
/** Control tokens have lower ids. */
const MOST_TOKENS = 2 ** 24

/** A place of a text: terminals that are open, and what follows each of them. */
interface Place extends ItemRow {
  readonly accepts: boolean
  /** Another place of the same hash. */
  readonly sibling: Place | undefined
  readonly number: number
}

/**
 * A context-free grammar as an automaton over bytes. A state is the set of terminals that are open, each with its own state and the frames
 * that follow it; a byte leads all of them on, and frames after the ones that may end there expect new terminals. All of it is interned:
 * states recur in lists of any length, and a text is walked by looking up transitions.
 */
export class CfgAutomaton implements Automaton {
  readonly start: number
  readonly #regexes: Regexes
  readonly #lexemes: TerminalLexemes
  readonly #table: FrameTable
  readonly #rows: Rows
  readonly #completions: Completions
  readonly #transitions: Transitions
  readonly #places: Place[] = []
  #kept = 0
  readonly #numbers = new Map<number, Place>()
  /** The next state by control token and state. */
  readonly #afterControls = new Map<number, number>()

  /**
   * @param regexes the factory of the grammar's terminals
   * @param explain throws an error with a place where a terminal without texts may be why the start derives no text
   * @throws UserError where the start derives no text
   */
  constructor(regexes: Regexes, grammar: RuleGrammar, explain = () => {}) {
    regexes.refuel()
    this.#regexes = regexes
    const productions = productionsOf(foldRegular(regexes, grammar))
    this.#lexemes = new TerminalLexemes(regexes, productions.terminals)
    const lengths = productions.terminals.map((terminal, i) => this.#lengthOf(terminal, i))
    const texts = productions.terminals.map((_, i) => this.#lexemes.hasText(this.#lexemes.start(i)))
    const derivations = derive(productions, lengths, (terminal) => texts[terminal])
    if (derivations.length(productions.start) === Infinity) {
      explain()
      throw usageError(
        `No text is in the grammar's language: ${JSON.stringify(grammar.rules[grammar.start].name)} never ends; give its recursion an alternative without itself.`,
      )
    }
    const slots = new Slots(derivations)
    this.#table = new FrameTable(slots)
    this.#rows = new Rows(regexes, slots, this.#lexemes, this.#table)
    this.#completions = new Completions(this.#lexemes, derivations, slots)
    this.#transitions = new Transitions(regexes.partitions)
    this.#intern([], [], false)
    const begin = new FrameSet()
    for (const slot of slots.entries(productions.start)) begin.add(slot, this.#table.end)
    begin.accepts = derivations.length(productions.start) === 0
    const frames = this.#table.intern(begin)
    const { states, results } = this.#rows.of(frames)
    this.start = this.#intern(states, results, frames.accepts)
  }

  inLimits<T>(work: () => T): T {
    return this.#lexemes.inLimits(work)
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#regexes.steps
  }

  get states(): number {
    return this.#places.length
  }

  next(state: number, symbol: number): number {
    if (symbol >= CONTROL) return this.#nextControl(state, symbol)
    const known = this.#transitions.get(state, symbol)
    if (known !== UNTAKEN) return known
    const target = this.#take(state, symbol)
    this.#transitions.set(state, symbol, target)
    return target
  }

  accepts(state: number): boolean {
    return this.#places[state].accepts
  }

  freeText(state: number): number {
    return this.#places[state].states.reduce((most, each) => Math.max(most, this.#lexemes.freeText(each)), 0)
  }

  controls(state: number): readonly number[] {
    const lists = this.#places[state].states.map((each) => this.#lexemes.controls(each))
    const some = lists.filter((list) => list.length > 0)
    return some.length < 2 ? (some[0] ?? []) : [...new Set(some.flat())]
  }

  /** Without control tokens, of which there may be some between the bytes. */
  completion(state: number): Uint8Array {
    return Uint8Array.from(this.completionSymbols(state).filter((symbol) => symbol < CONTROL))
  }

  /** One of the shortest texts that end the text from here: bytes, and `CONTROL` + the id for control tokens. */
  completionSymbols(state: number): readonly number[] {
    const { accepts, states, results } = this.#places[state]
    return accepts || state === DEAD ? [] : this.#completions.after(states, results)
  }

  #nextControl(state: number, symbol: number): number {
    if (symbol - CONTROL >= MOST_TOKENS) return DEAD
    const key = state * MOST_TOKENS + symbol - CONTROL
    let known = this.#afterControls.get(key)
    if (known === undefined) {
      known = this.#take(state, symbol)
      if (known !== DEAD) this.#afterControls.set(key, known)
    }
    return known
  }

  /** Leads each open terminal on; after those that may end there new ones begin. */
  #take(state: number, symbol: number): number {
    this.#regexes.refuel()
    const { states, results } = this.#places[state]
    const threads = new Map<number, ItemFrames>()
    const ended = new FrameSet()
    for (let i = 0; i < states.length; i++) {
      this.#regexes.charge(1)
      const next = this.#lexemes.next(states[i], symbol)
      if (next === DEAD) continue
      if (this.#lexemes.accepts(next)) ended.addAll(results[i])
      if (this.#lexemes.goesOn(next)) this.#join(threads, next, results[i])
    }
    if (ended.frames.size > 0) {
      const row = this.#rows.of(this.#table.intern(ended))
      for (let i = 0; i < row.states.length; i++) this.#join(threads, row.states[i], row.results[i])
    }
    const numbers = [...threads.keys()].sort((a, b) => a - b)
    return this.#intern(
      numbers,
      numbers.map((each) => threads.get(each)!),
      ended.accepts,
    )
  }

  /** Terminals in the same state are one: what follows them is what follows either. */
  #join(threads: Map<number, ItemFrames>, state: number, result: ItemFrames): void {
    const known = threads.get(state)
    if (known === result) return
    if (!known) {
      threads.set(state, result)
      return
    }
    const both = new FrameSet()
    both.addAll(known)
    both.addAll(result)
    threads.set(state, this.#table.intern(both))
  }

  #intern(states: readonly number[], results: readonly ItemFrames[], accepts: boolean): number {
    let hash = accepts ? 1 : 0
    for (let i = 0; i < states.length; i++) {
      hash = Math.imul(hash ^ states[i], 0x9e3779b1) ^ results[i].id
      hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    }
    const first = this.#numbers.get(hash)
    for (let place = first; place; place = place.sibling)
      if (place.accepts === accepts && areEqual(place.states, states) && areEqual(place.results, results))
        return place.number
    return this.#add(hash, { states, results, accepts, sibling: first, number: this.#places.length })
  }

  #add(hash: number, place: Place): number {
    const { limits, partitions } = this.#regexes
    if (place.number >= limits.states)
      throw new GrammarLimitError(
        `The grammar takes more than ${limits.states} states; make it simpler, or its counts smaller.`,
      )
    if (place.states.length > MOST_OPEN)
      throw new GrammarLimitError(
        `The grammar is too ambiguous: at one place of the text more than ${MOST_OPEN} terminals may go on; join them into fewer.`,
      )
    this.#kept += place.states.length
    if (this.#kept > MOST_KEPT)
      throw new GrammarLimitError(
        `The grammar's states have more than ${MOST_KEPT} open terminals; make it less ambiguous.`,
      )
    this.#numbers.set(hash, place)
    this.#places.push(place)
    return this.#transitions.add(
      place.states.reduce(
        (product, each) => partitions.product(product, this.#lexemes.partition(each)),
        partitions.trivial,
      ),
    )
  }

  #lengthOf(terminal: Regex | Automaton, number: number): number {
    const start = this.#lexemes.start(number)
    if (start === DEAD) return Infinity
    if (this.#lexemes.accepts(start)) return 0
    return terminal instanceof Regex
      ? distanceOf(this.#regexes, terminal)
      : Math.max(1, this.#lexemes.completion(start).length)
  }
}

function areEqual<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
