import { Heap } from './heap.js'
import { byteCharacters } from './token-decoder.js'

export interface BpeTrainerOptions {
  /** Tokens in all: special ones, the 256 bytes, and one for each merge. */
  readonly vocabSize: number
  /** A pair that is rarer is not merged. */
  readonly minFrequency?: number
  /** They come first in the vocabulary. */
  readonly specialTokens?: readonly string[]
  readonly signal?: AbortSignal
}

export interface TrainedBpe {
  /** By id. */
  readonly tokens: readonly string[]
  /** Pairs of tokens, those that merge first in front. */
  readonly merges: readonly (readonly [string, string])[]
}

/** Ids of a pair share one double. */
const IDS = 2 ** 26

/**
 * Byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909) with the result of Rust `tokenizers`'
 * `BpeTrainer(vocab_size, min_frequency, special_tokens, initial_alphabet=ByteLevel.alphabet())`: of the pairs that are
 * most frequent the one with the smallest ids merges.
 * @param words how often each word occurs
 */
export function trainBpe(words: ReadonlyMap<string, number>, options: BpeTrainerOptions): TrainedBpe {
  return new Merger(words, options).run()
}

class Merger {
  private readonly tokens: string[]
  private readonly ids: Map<string, number>
  private readonly words: Words
  /** Occurrences of each pair, right for all but those that were merged. */
  private readonly counts = new Map<number, number>()
  private readonly queue = new Heap(isBefore)
  /** Pairs that occur anew since they were last queued, with the words that hold them. */
  private changed = new Map<number, number[]>()

  constructor(
    words: ReadonlyMap<string, number>,
    private readonly options: BpeTrainerOptions,
  ) {
    const alphabet = [...byteCharacters].sort()
    this.tokens = [...new Set([...(options.specialTokens ?? []), ...alphabet])]
    this.ids = new Map(this.tokens.map((token, id) => [token, id]))
    this.words = new Words(
      words,
      byteCharacters.map((character) => this.ids.get(character)!),
    )
    this.words.forEachPair((pair, word) => this.add(pair, word, this.words.counts[word]))
    this.enqueueChanged()
  }

  run(): TrainedBpe {
    const { vocabSize, minFrequency = 0, signal } = this.options
    // A pair that merges twice has the later place: its key is taken out and put at the end.
    const merges = new Map<number, readonly [string, string]>()
    for (let top = this.next(); top && this.tokens.length < vocabSize; top = this.next()) {
      signal?.throwIfAborted()
      if (top.count < Math.max(1, minFrequency)) break
      const [left, right] = [Math.floor(top.pair / IDS), top.pair % IDS]
      merges.delete(top.pair)
      merges.set(top.pair, [this.tokens[left], this.tokens[right]])
      this.merge(left, right, this.idOf(this.tokens[left] + this.tokens[right]), top.words)
    }
    return { tokens: this.tokens, merges: [...merges.values()] }
  }

  /** The most frequent pair. A queued count that is no longer right is mended when it comes to the top. */
  private next(): QueuedPair | undefined {
    for (;;) {
      const top = this.queue.pop()
      const count = top && this.counts.get(top.pair)!
      if (!top || top.count === count) return top
      this.queue.push({ ...top, count: count! })
    }
  }

  private idOf(token: string): number {
    const known = this.ids.get(token)
    if (known !== undefined) return known
    this.ids.set(token, this.tokens.length)
    return this.tokens.push(token) - 1
  }

  private merge(left: number, right: number, merged: number, words: readonly number[]): void {
    for (const word of words) {
      const count = this.words.counts[word]
      this.words.merge(word, left, right, merged, (pair, sign) => this.add(pair, word, sign * count))
    }
    this.enqueueChanged()
  }

  private add(pair: number, word: number, count: number): void {
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + count)
    if (count < 0) return
    const words = this.changed.get(pair)
    if (!words) this.changed.set(pair, [word])
    else if (words[words.length - 1] !== word) words.push(word)
  }

  private enqueueChanged(): void {
    for (const [pair, words] of this.changed) {
      const count = this.counts.get(pair)!
      if (count > 0) this.queue.push({ pair, count, words })
    }
    this.changed = new Map()
  }
}

/** Different words as ids, one behind the other in one array. */
class Words {
  /** How often each word occurs. */
  readonly counts: Float64Array
  private readonly starts: Int32Array
  private readonly lengths: Int32Array
  private readonly symbols: Int32Array

  constructor(words: ReadonlyMap<string, number>, byteIds: readonly number[]) {
    this.counts = Float64Array.from(words.values())
    const spelled = Array.from(words.keys(), (word) => Buffer.from(word))
    this.lengths = Int32Array.from(spelled, (bytes) => bytes.length)
    this.starts = new Int32Array(spelled.length)
    this.symbols = new Int32Array(this.lengths.reduce((sum, length) => sum + length, 0))
    let at = 0
    for (const [word, bytes] of spelled.entries()) {
      this.starts[word] = at
      for (const byte of bytes) this.symbols[at++] = byteIds[byte]
    }
  }

  forEachPair(visit: (pair: number, word: number) => void): void {
    for (let word = 0; word < this.starts.length; word++) {
      const end = this.starts[word] + this.lengths[word] - 1
      for (let i = this.starts[word]; i < end; i++) visit(this.symbols[i] * IDS + this.symbols[i + 1], word)
    }
  }

  /** Merges a pair from left to right, and tells which pairs of neighbours go (-1) and come (1). */
  merge(
    word: number,
    left: number,
    right: number,
    merged: number,
    change: (pair: number, sign: -1 | 1) => void,
  ): void {
    const { symbols, starts, lengths } = this
    const start = starts[word]
    const end = start + lengths[word]
    let to = start
    for (let from = start; from < end; from++) {
      if (symbols[from] !== left || from + 1 >= end || symbols[from + 1] !== right) {
        symbols[to++] = symbols[from]
        continue
      }
      if (to > start) {
        change(symbols[to - 1] * IDS + left, -1)
        change(symbols[to - 1] * IDS + merged, 1)
      }
      from++
      if (from + 1 < end) {
        change(right * IDS + symbols[from + 1], -1)
        change(merged * IDS + symbols[from + 1], 1)
      }
      symbols[to++] = merged
    }
    lengths[word] = to - start
  }
}

interface QueuedPair {
  readonly pair: number
  /** Occurrences when it was queued. */
  readonly count: number
  readonly words: readonly number[]
}

/** The most frequent pair first, among equals the smallest. */
function isBefore(a: QueuedPair, b: QueuedPair): boolean {
  return a.count === b.count ? a.pair < b.pair : a.count > b.count
}
