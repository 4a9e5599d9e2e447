import { breathe } from './breathe.js'

/** The most tokens that can be looked for: suffixes are ordered by so many. */
export const INDEX_DEPTH = 16

/** Occurrences of a pattern: `suffixes` of an index from `from` to before `to`. */
export interface Match {
  /** Tokens of the pattern; 0 where nothing was found. */
  readonly size: number
  readonly from: number
  readonly to: number
}

/** Finds where a run of tokens occurs in documents. */
export class SuffixIndex {
  /**
   * @param tokens the documents' tokens, `boundary` after each document
   * @param suffixes the positions in `tokens` in the order of the `INDEX_DEPTH` tokens from there on
   * @param boundary a number above all tokens
   */
  constructor(
    readonly tokens: Uint16Array | Uint32Array,
    readonly suffixes: Uint32Array,
    readonly boundary: number,
  ) {}

  /** Orders the suffixes: a second for some million tokens, and 16 bytes a token meanwhile. */
  static async build(
    tokens: Uint16Array | Uint32Array,
    boundary: number,
    signal?: AbortSignal,
  ): Promise<SuffixIndex> {
    return new SuffixIndex(tokens, await sortSuffixes(tokens, boundary, signal), boundary)
  }

  /** The longest end of `text`, of `most` tokens at most, that occurs in a document. */
  longestEnd(text: readonly number[], most: number): Match {
    let longest: Match = { size: 0, from: 0, to: 0 }
    for (let size = 1; size <= Math.min(most, INDEX_DEPTH, text.length); size++) {
      // What contains a token that no document has, a document's end for one, occurs nowhere.
      if (text[text.length - size] >= this.boundary) break
      const pattern = text.slice(text.length - size)
      const from = this.bound((suffix) => this.compare(suffix, pattern) < 0)
      const to = this.bound((suffix) => this.compare(suffix, pattern) <= 0)
      if (from === to) break
      longest = { size, from, to }
    }
    return longest
  }

  /**
   * Where the documents go on after occurrences of a match, as positions in `tokens`. Of more than `most` occurrences so
   * many count, evenly spread over their order, which is that of what follows: each continuation keeps its share.
   */
  continuations({ size, from, to }: Match, most: number): number[] {
    const count = Math.min(most, to - from)
    const step = (to - from) / count
    return Array.from({ length: count }, (_, i) => this.suffixes[from + Math.floor(i * step)] + size)
  }

  /** The number of suffixes that are `before` something, which the first ones are. */
  private bound(before: (suffix: number) => boolean): number {
    let [low, high] = [0, this.suffixes.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (before(this.suffixes[middle])) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Below 0 for a suffix that comes before those that begin with `pattern`, 0 for one of these, above 0 for one after them. */
  private compare(suffix: number, pattern: readonly number[]): number {
    for (let i = 0; i < pattern.length; i++) {
      const difference = this.tokens[suffix + i] - pattern[i]
      if (difference !== 0) return difference
    }
    return 0
  }
}

/**
 * The suffixes of `tokens` in the order of their first `INDEX_DEPTH` tokens, equal ones by position, by prefix doubling (Manber & Myers
 * 1993): from the order by n tokens the one by 2n follows by counting, since second halves are suffixes, too, and in order already. Each
 * doubling takes time in proportion to the tokens, however much they repeat themselves.
 * @param largest the largest token
 */
async function sortSuffixes(
  tokens: Uint16Array | Uint32Array,
  largest: number,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const pause = async () => {
    await breathe()
    signal?.throwIfAborted()
  }
  let { order, ranks } = sortByFirst(tokens, largest)
  await pause()
  for (let size = 1; size < INDEX_DEPTH; size *= 2) {
    order = await sortByTwice(order, ranks, size, pause)
    ranks = await ranksOf(order, ranks, size, pause)
  }
  return order
}

/** Suffixes between two pauses: a moment's work. */
const BETWEEN_PAUSES = 2 ** 20

/** Suffixes in the order of their first tokens, and by suffix its rank: how many suffixes come before all those that equal it. */
interface Sorted {
  readonly order: Uint32Array
  readonly ranks: Uint32Array
}

function sortByFirst(tokens: Uint16Array | Uint32Array, largest: number): Sorted {
  const starts = new Uint32Array(largest + 2)
  for (const token of tokens) starts[token + 1]++
  for (let token = 1; token < starts.length; token++) starts[token] += starts[token - 1]
  const ranks = new Uint32Array(tokens.length)
  for (let suffix = 0; suffix < tokens.length; suffix++) ranks[suffix] = starts[tokens[suffix]]
  const order = new Uint32Array(tokens.length)
  for (let suffix = 0; suffix < tokens.length; suffix++) order[starts[tokens[suffix]]++] = suffix
  return { order, ranks }
}

/** The order by twice `size` tokens, from order and ranks by `size`. */
async function sortByTwice(
  order: Uint32Array,
  ranks: Uint32Array,
  size: number,
  pause: () => Promise<void>,
): Promise<Uint32Array> {
  const { length } = order
  const sorted = new Uint32Array(length)
  const filled = new Uint32Array(length)
  const place = (suffix: number) => {
    const rank = ranks[suffix]
    sorted[rank + filled[rank]++] = suffix
  }
  // A second half that the text has no room for comes before all others.
  for (let suffix = Math.max(0, length - size); suffix < length; suffix++) place(suffix)
  for (let start = 0; start < length; start += BETWEEN_PAUSES) {
    for (const half of order.subarray(start, start + BETWEEN_PAUSES)) if (half >= size) place(half - size)
    await pause()
  }
  return sorted
}

/** The ranks by twice `size` tokens, from their order and the ranks by `size`. */
async function ranksOf(
  order: Uint32Array,
  ranks: Uint32Array,
  size: number,
  pause: () => Promise<void>,
): Promise<Uint32Array> {
  const { length } = order
  const renewed = new Uint32Array(length)
  const half = (suffix: number) => (suffix + size < length ? ranks[suffix + size] : -1)
  let rank = 0
  for (let start = 1; start < length; start += BETWEEN_PAUSES) {
    const end = Math.min(start + BETWEEN_PAUSES, length)
    for (let at = start; at < end; at++) {
      const suffix = order[at]
      const before = order[at - 1]
      if (ranks[suffix] !== ranks[before] || half(suffix) !== half(before)) rank = at
      renewed[suffix] = rank
    }
    await pause()
  }
  return renewed
}
