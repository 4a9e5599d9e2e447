import { type Automaton, DEAD } from './automaton.js'
import { idsOfBits } from './bits.js'
import { GrammarLimitError } from './limits.js'
import { advance } from './masks.js'
import { completionTokens } from './shortest-tokens.js'
import type { GrammarTokens } from './tokens.js'
import { TOKEN_KIND } from './vocabulary.js'
import { TrieWalk } from './walk.js'

/** Tables that are kept, of a number for each token. */
const KEPT_TABLES = 16
/** States that a search for tokens to an end visits at most. */
const MOST_SEARCHED = 2_000
/** Tokens beyond the shortest end that no token takes in languages that do not tell: it would open an object with some fifty required fields. */
const AMPLE = 256
/** Bytes in which ends may differ that are taken for alike. */
const MOST_DIFFERENT = 16
/** A character of free text that stands for all others. */
const FREE_CHARACTER = Buffer.from('☃')

interface Alike {
  readonly state: number
  /** Tokens. */
  readonly slack: number
}

/** How many tokens a text lacks to its end, by state of a language: upper bounds, whose tokens lead to states that lack fewer. */
export class Endings {
  private readonly walk: TrieWalk
  /** Another one, since a search begins in the middle of a walk. */
  private readonly searching: TrieWalk
  private readonly lengths = new Map<number, number>()
  /** By state: the first token of its shortest end. */
  private readonly firsts = new Map<number, number>()
  /** By state: the most tokens that may be missing after one that is allowed. */
  private readonly most = new Map<number, number>()
  private readonly alikes = new Map<number, Alike>()
  private readonly tables = new Map<number, Int32Array>()
  private readonly isComplete: boolean
  /** Tokens without bytes, which end a text or stand for themselves. */
  private readonly controls: readonly number[]

  constructor(
    private readonly automaton: Automaton,
    private readonly tokens: GrammarTokens,
  ) {
    this.walk = new TrieWalk(automaton, tokens.trie.depth)
    this.searching = new TrieWalk(automaton, tokens.trie.depth)
    const { vocabulary } = tokens
    this.isComplete = vocabulary.isComplete
    this.controls = [...vocabulary.idsOf(TOKEN_KIND.end), ...vocabulary.idsOf(TOKEN_KIND.control)]
  }

  /**
   * Tokens that end the text: the fewest known. Infinity where the vocabulary cannot spell them.
   * @throws GrammarLimitError where no end is found within the limits
   */
  shortest(state: number): number {
    const known = this.lengths.get(state)
    if (known !== undefined) return known
    const way = completionTokens(this.automaton, this.tokens, state)
    // A token that ends texts does not lead on, where a language names it in its middle.
    if (way && this.isWay(state, way)) this.note(state, way, 0)
    else this.search(state)
    return this.lengths.get(state)!
  }

  /** The same, Infinity where no end is found within the limits: what cannot be told is left aside. */
  known(state: number): number {
    try {
      return this.shortest(state)
    } catch (error) {
      if (!(error instanceof GrammarLimitError)) throw error
      this.lengths.set(state, Infinity)
      return Infinity
    }
  }

  /** Whether any token that is allowed in a state leaves a text that can be ended within `room` tokens, of which it is one. */
  hasRoom(state: number, room: number): boolean {
    if (this.isComplete) {
      const farthest = this.automaton.farthest?.(state) ?? Infinity
      // A token for each byte will do.
      if (farthest < Infinity ? room > farthest : room >= AMPLE + this.known(state)) return true
    }
    const { state: alike, slack } = this.alike(state)
    if (!this.most.has(alike)) this.makeTable(alike)
    return room > this.most.get(alike)! + slack
  }

  /** Whether the text can be ended within `room` tokens if one that may follow is the first of them. */
  within(state: number, room: number): (token: number) => boolean {
    const { state: alike, slack } = this.alike(state)
    const table = this.tables.get(alike) ?? this.makeTable(alike)
    // The shortest ways are open, whatever free text in general takes, as far as they fit.
    const own = this.known(state) <= room ? this.firsts.get(state) : undefined
    const other = this.known(alike) + slack <= room ? this.firsts.get(alike) : undefined
    return (token) => token === own || token === other || (table[token] >= 0 && table[token] + slack < room)
  }

  /**
   * For each token the fewest that are known to end the text once it has followed; -1 where it may not, or the text cannot be ended.
   * Kept, with the most of them.
   */
  private makeTable(state: number): Int32Array {
    const { automaton, tokens } = this
    const { trie, slices, vocabulary } = tokens
    const table = new Int32Array(vocabulary.size).fill(-1)
    let most = 0
    const enter = (id: number, length: number) => {
      most = Math.max(most, length)
      if (length < Infinity) table[id] = length
    }
    const slice = slices.coverOf(automaton, state)
    if (slice) {
      const lengths = this.afterFreeText(state)
      for (const id of idsOfBits(slice.bits, slice.count)) enter(id, lengths(slices.charactersOf(id)))
    }
    const rest = slice?.rest ?? trie
    this.walk.run(rest, -1, state, (node, after) => {
      const length = this.known(after)
      for (let id = rest.tokens[node]; id >= 0; id = rest.same[id]) enter(id, length)
      return false
    })
    for (const id of this.controls) {
      const after = advance(automaton, vocabulary, state, id)
      if (after !== DEAD) enter(id, this.known(after))
    }
    this.most.set(state, most)
    this.tables.set(state, table)
    const [oldest] = this.tables.keys()
    if (this.tables.size > KEPT_TABLES) this.tables.delete(oldest)
    return table
  }

  /**
   * A state from which the same tokens lead about as far from the end, one for many: masks have it, whose states do not know all that was read.
   * Its ends may have other names and items: the slack is what these may take more in tokens.
   */
  private alike(state: number): Alike {
    let alike = this.alikes.get(state)
    if (!alike) {
      const other = this.automaton.maskState?.(state, this.tokens.trie.depth) ?? state
      const difference = other === state ? 0 : this.difference(state, other)
      alike = difference <= MOST_DIFFERENT ? { state: other, slack: 2 * difference } : { state, slack: 0 }
      this.alikes.set(state, alike)
    }
    return alike
  }

  /** Bytes of the ends of two states from the first to the last that is another one; Infinity where no end is found. */
  private difference(state: number, other: number): number {
    try {
      const [a, b] = [this.automaton.completion(state), this.automaton.completion(other)]
      const shorter = Math.min(a.length, b.length)
      let first = 0
      while (first < shorter && a[first] === b[first]) first++
      let last = 0
      while (last < shorter - first && a[a.length - 1 - last] === b[b.length - 1 - last]) last++
      return Math.max(a.length, b.length) - first - last
    } catch (error) {
      if (!(error instanceof GrammarLimitError)) throw error
      return Infinity
    }
  }

  /** Tokens to an end after so many characters of free text. */
  private afterFreeText(start: number): (characters: number) => number {
    const states = [start]
    return (characters) => {
      while (states.length <= characters) {
        states.push(FREE_CHARACTER.reduce((state, byte) => this.automaton.next(state, byte), states.at(-1)!))
      }
      return this.known(states[characters])
    }
  }

  private isWay(start: number, way: readonly number[]): boolean {
    const { automaton, tokens } = this
    return way.reduce((state, token) => advance(automaton, tokens.vocabulary, state, token), start) !== DEAD
  }

  /** Notes the states of a way, after which so many tokens are missing. */
  private note(start: number, way: readonly number[], last: number): void {
    let state = start
    for (let i = 0; i <= way.length; i++) {
      const length = way.length - i + last
      if (length <= (this.lengths.get(state) ?? Infinity)) {
        this.lengths.set(state, length)
        if (i < way.length) this.firsts.set(state, way[i])
      }
      if (i < way.length) state = advance(this.automaton, this.tokens.vocabulary, state, way[i])
    }
  }

  /** A vocabulary that lacks bytes may not spell the shortest end, but another one. */
  private search(start: number): void {
    const { automaton, tokens, lengths } = this
    const { trie } = tokens
    /** By state: the tokens that lead to it. */
    const ways = new Map<number, readonly number[]>([[start, []]])
    for (const [state, way] of ways) {
      const isNew = !lengths.has(state)
      const end = isNew ? completionTokens(automaton, tokens, state) : undefined
      if (end && this.isWay(state, end)) this.note(state, end, 0)
      const length = lengths.get(state) ?? Infinity
      if (length < Infinity) {
        this.note(start, way, length)
        return
      }
      if (!isNew) continue
      this.searching.run(trie, -1, state, (node, after) => {
        if (!ways.has(after)) ways.set(after, [...way, trie.tokens[node]])
        return ways.size > MOST_SEARCHED
      })
      if (ways.size > MOST_SEARCHED) throw outOfStates()
    }
    for (const state of ways.keys()) lengths.set(state, Infinity)
  }
}

function outOfStates(): GrammarLimitError {
  return new GrammarLimitError(
    `The model's tokens lack characters that the grammar needs, and ${MOST_SEARCHED.toLocaleString('en-US')} of its states do not tell whether there is another way to its end; leave out what the model cannot spell.`,
  )
}
