import { strongComponents } from './components.js'
import type { Derivations } from './derivations.js'
import type { GrammarSymbol, Production } from './productions.js'

/** Slots that a place in a production leads to before any more text, and whether the production may end there. */
export interface Reach {
  readonly slots: readonly number[]
  readonly ends: boolean
}

/** A group of nonterminals that begin with each other, as left recursion has them: one, where there is none. */
export interface SlotComponent {
  /** A component has a lower number than those that begin with it. */
  readonly number: number
  readonly members: readonly number[]
  readonly isRecursive: boolean
}

const ENDED: Reach = { slots: [], ends: true }

/**
 * The places before symbols of productions, as numbers. A slot of a repetition has what is left of its counts; it is made when
 * it is first reached, so that counts of any size cost nothing. Empty texts are stepped over here, so that a slot is always followed by text.
 */
export class Slots {
  /** Symbol after each slot; of no meaning at the end of a production. */
  readonly #symbols: GrammarSymbol[] = []
  readonly #isEnd: boolean[] = []
  /** Counts that are left of each slot's repetition; 1 for a plain symbol. */
  readonly #min: number[] = []
  readonly #max: number[] = []
  /** Length of the shortest text from each slot to the end of its production. */
  readonly #lengths: number[] = []
  readonly #after: (Reach | undefined)[] = []
  readonly #repeats = new Map<string, number>()
  /** Slots by nonterminal: those that its texts begin at, and the first of each production. */
  readonly #entries: (readonly number[] | undefined)[] = []
  readonly #first: (readonly number[])[] = []
  readonly #components: SlotComponent[] = []

  constructor(readonly derivations: Derivations) {
    for (const productions of derivations.useful) this.#first.push(productions.map((each) => this.#add(each)))
    const callees = (nonterminal: number) =>
      this.entries(nonterminal)
        .map((slot) => this.#symbols[slot])
        .filter((symbol) => symbol >= 0)
    strongComponents(this.#first.length, callees).forEach((members, number) => {
      const isRecursive = members.length > 1 || callees(members[0]).includes(members[0])
      const component = { number, members, isRecursive }
      for (const member of members) this.#components[member] = component
    })
  }

  /** The symbol after a slot. */
  symbol(slot: number): GrammarSymbol {
    return this.#symbols[slot]
  }

  /** Slots at the begin of a nonterminal's productions. */
  entries(nonterminal: number): readonly number[] {
    let known = this.#entries[nonterminal]
    if (!known) {
      const slots = this.#first[nonterminal].flatMap((slot) => this.#reach(slot).slots)
      known = [...new Set(slots)]
      this.#entries[nonterminal] = known
    }
    return known
  }

  /** Slots after the symbol of a slot. */
  after(slot: number): Reach {
    let known = this.#after[slot]
    if (!known) {
      known = this.#max[slot] === 1 ? this.#reach(slot + 1) : this.#reachRepeat(slot)
      this.#after[slot] = known
    }
    return known
  }

  component(nonterminal: number): SlotComponent {
    return this.#components[nonterminal]
  }

  /** Symbols from a slot to the end of its production, and how often each of them must be there at least. */
  *rest(slot: number): IterableIterator<readonly [GrammarSymbol, number]> {
    if (this.#max[slot] !== 1) yield [this.#symbols[slot], this.#min[slot]]
    else for (let at = slot; !this.#isEnd[at]; at++) yield [this.#symbols[at], this.#min[at]]
  }

  /** The length of the shortest text from a slot to the end of its production. */
  length(slot: number): number {
    return this.#lengths[slot]
  }

  #add({ symbols, min, max }: Production): number {
    if (max !== 1) return this.#repeat(symbols[0], min, max)
    const first = this.#symbols.length
    for (const symbol of symbols) this.#push(symbol, min, max)
    this.#push(0, 0, 1, true)
    for (let slot = this.#symbols.length - 2; slot >= first; slot--)
      this.#lengths[slot] = sum(this.#lengths[slot], this.#lengths[slot + 1])
    return first
  }

  #push(symbol: GrammarSymbol, min: number, max: number, isEnd = false): number {
    this.#symbols.push(symbol)
    this.#isEnd.push(isEnd)
    this.#min.push(min)
    this.#max.push(max)
    this.#lengths.push(min === 0 ? 0 : sum(min * this.derivations.length(symbol), 0))
    return this.#symbols.length - 1
  }

  /** The slot of a symbol that comes between `min` and `max` times before its production ends. */
  #repeat(symbol: GrammarSymbol, min: number, max: number): number {
    // Symbols that may be empty may also come less often.
    const least = this.derivations.length(symbol) === 0 ? 0 : min
    const key = `${symbol} ${least} ${max}`
    let slot = this.#repeats.get(key)
    if (slot === undefined) {
      slot = this.#push(symbol, least, max)
      // A single one is followed by an end of its own.
      if (max === 1) this.#push(0, 0, 1, true)
      this.#repeats.set(key, slot)
    }
    return slot
  }

  #reachRepeat(slot: number): Reach {
    const max = this.#max[slot] - 1
    return max === 0
      ? ENDED
      : this.#reach(this.#repeat(this.#symbols[slot], Math.max(0, this.#min[slot] - 1), max))
  }

  #reach(from: number): Reach {
    const { derivations } = this
    const slots: number[] = []
    for (let slot = from; ; slot++) {
      if (this.#isEnd[slot]) return { slots, ends: true }
      if (derivations.hasText(this.#symbols[slot])) slots.push(slot)
      const mayBeEmpty = this.#min[slot] === 0 || derivations.length(this.#symbols[slot]) === 0
      if (this.#max[slot] !== 1) return { slots, ends: mayBeEmpty }
      if (!mayBeEmpty) return { slots, ends: false }
    }
  }
}

/** Lengths beyond all numbers are still none of an empty language. */
function sum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_VALUE)
}
