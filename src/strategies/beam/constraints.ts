import type { Prefix } from '../../model/prefix.js'
import { prefixState } from '../../model/prefix-state.js'

/** Token sequences of which one has to occur: HF's phrasal constraint where there is one, else its disjunctive one. */
export type Alternatives = readonly (readonly number[])[]

/** What may follow in a tree of token sequences. */
type Trie = Map<number, Trie>

interface Word {
  readonly trie: Trie
  /** Tokens of its longest alternative. */
  readonly height: number
}

/** How far a sequence has come with the words that must occur in it (HF's ConstraintListState, but immutable). */
export class ConstraintState {
  private constructor(
    private readonly pending: readonly Word[],
    private readonly completed: number,
    /** The longest alternative of all words, tokens. */
    private readonly height: number,
    /** The word that the last tokens are the beginning of. */
    private readonly current?: { readonly word: Word; readonly rest: Trie; readonly length: number },
  ) {}

  /** @param words none of whose alternatives is the beginning of another one of the same word */
  static of(words: readonly Alternatives[]): ConstraintState {
    const built = words.map((alternatives) => ({
      trie: trieOf(alternatives),
      height: alternatives.reduce((most, { length }) => Math.max(most, length), 0),
    }))
    const highest = built.reduce((most, { height }) => Math.max(most, height), 0)
    return new ConstraintState(built, 0, highest)
  }

  /** All words have occurred. */
  get done(): boolean {
    return this.pending.length === 0 && !this.current
  }

  /** The more, the further: HF sorts beams into banks by it. */
  get bank(): number {
    const { completed, height, current } = this
    return completed * height + (current ? height - current.word.height + current.length : 0)
  }

  /** The tokens that bring a word further. */
  get helpful(): number[] {
    const tries = this.current ? [this.current.rest] : this.pending.map(({ trie }) => trie)
    return tries.flatMap((trie) => [...trie.keys()])
  }

  /** The state one token later. One that breaks a word off does not begin another one, as in HF. */
  add(token: number): ConstraintState {
    const { pending, completed, height, current } = this
    if (this.done) return this
    if (current) {
      const rest = current.rest.get(token)
      if (!rest) return new ConstraintState([...pending, current.word], completed, height)
      return this.enter(current.word, rest, current.length + 1, pending)
    }
    const begun = pending.findIndex(({ trie }) => trie.has(token))
    if (begun < 0) return this
    const word = pending[begun]
    return this.enter(word, word.trie.get(token)!, 1, pending.toSpliced(begun, 1))
  }

  private enter(word: Word, rest: Trie, length: number, pending: readonly Word[]): ConstraintState {
    const { completed, height } = this
    if (rest.size === 0) return new ConstraintState(pending, completed + 1, height)
    return new ConstraintState(pending, completed, height, { word, rest, length })
  }
}

/** The states of sequences, prompt included (as in HF, a word that the prompt holds has occurred). */
export function constraintTracker(words: readonly Alternatives[]): (prefix: Prefix) => ConstraintState {
  return prefixState(
    () => ConstraintState.of(words),
    (state, { token }) => state.add(token),
  )
}

function trieOf(alternatives: Alternatives): Trie {
  const root: Trie = new Map()
  for (const tokens of alternatives) {
    let node = root
    for (const token of tokens) {
      const next: Trie = node.get(token) ?? new Map()
      node.set(token, next)
      node = next
    }
  }
  return root
}
