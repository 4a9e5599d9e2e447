import { type BpeJson, unsupported } from './tokenizer-json.js'

/** The order in which two neighbours merge: lower first, -1 for never. */
type MergeRank = (left: string, right: string) => number

const MAX_CACHED_WORDS = 10_000
const MAX_CACHED_LENGTH = 64
/** Ranks and positions share one double: 2^53 = 2^27 ranks · 2^26 positions. */
const POSITIONS = 2 ** 26
/** Splits of one token share its score; room for this many of them in a rank. */
const SPLITS = 2 ** 8

/**
 * Byte-pair encoding with byte fallback, as Rust `tokenizers` does it (Sennrich et al. 2016,
 * arXiv:1508.07909).
 */
export class Bpe {
  /** Ids by token, and tokens by id; added tokens included once `add` was called for them. */
  readonly ids = new Map<string, number>()
  readonly tokens: string[] = []
  readonly unkToken: string | undefined
  private readonly rank: MergeRank
  private readonly byteFallback: boolean
  private readonly fuseUnknown: boolean
  private readonly ignoreMerges: boolean
  private readonly cache = new Map<string, readonly string[]>()

  /** @throws UserError for a vocabulary that marks subwords with a prefix or a suffix. */
  constructor(json: BpeJson) {
    if (json.continuing_subword_prefix || json.end_of_word_suffix) {
      throw unsupported('a subword prefix or suffix')
    }
    const { vocab } = json
    if (isTokenList(vocab)) for (const [id, token] of vocab.entries()) this.add(token, id)
    else for (const [token, id] of Object.entries(vocab)) this.add(token, id)
    this.unkToken = json.unk_token ?? undefined
    this.byteFallback = json.byte_fallback ?? false
    this.fuseUnknown = json.fuse_unk ?? false
    this.ignoreMerges = json.ignore_merges ?? false
    this.rank = json.scores ? rankByScore(this.ids, json.scores) : rankByMerges(json.merges ?? [])
  }

  /** Gives an id to a token that is matched in the text before the model sees it. */
  add(token: string, id: number): void {
    this.ids.set(token, id)
    this.tokens[id] = token
  }

  /** Tokens of pre-tokenised words, in order. */
  encode(words: string[]): string[] {
    const tokens: string[] = []
    for (const word of words) for (const token of this.encodeWord(word)) tokens.push(token)
    return tokens
  }

  private encodeWord(word: string): readonly string[] {
    if (this.ignoreMerges && this.ids.has(word)) return [word]
    const cached = this.cache.get(word)
    if (cached) return cached
    const tokens = mergeSymbols(this.symbols(word), this.rank)
    if (word.length <= MAX_CACHED_LENGTH) {
      if (this.cache.size === MAX_CACHED_WORDS) this.cache.clear()
      this.cache.set(word, tokens)
    }
    return tokens
  }

  /**
   * The characters of a word, those outside the vocabulary as byte tokens or the unknown token, or left out.
   */
  private symbols(word: string): string[] {
    const symbols: string[] = []
    let fusing = false
    for (const character of word) {
      const known = this.ids.has(character) ? [character] : this.byteTokens(character)
      if (known) symbols.push(...known)
      else if (this.unkToken !== undefined && !(fusing && this.fuseUnknown)) symbols.push(this.unkToken)
      fusing = !known
    }
    return symbols
  }

  private byteTokens(character: string): string[] | undefined {
    if (!this.byteFallback) return undefined
    const tokens = Array.from(new TextEncoder().encode(character), (byte) => byteTokenNames[byte])
    return tokens.every((token) => this.ids.has(token)) ? tokens : undefined
  }
}

function isTokenList(vocab: BpeJson['vocab']): vocab is readonly string[] {
  return Array.isArray(vocab)
}

const byteTokenNames = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)

function rankByMerges(merges: NonNullable<BpeJson['merges']>): MergeRank {
  // Pairs are spelled as arrays where tokens may hold spaces.
  const separator = typeof merges[0] === 'string' ? ' ' : '\0'
  const ranks = new Map<string, number>()
  merges.forEach((merge, rank) => {
    ranks.set(typeof merge === 'string' ? merge : merge[0] + separator + merge[1], rank)
  })
  return (left, right) => ranks.get(left + separator + right) ?? -1
}

/** Of one token's splits the one with the longest left part goes first, as in HF's `generate_merges`. */
function rankByScore(vocab: ReadonlyMap<string, number>, scores: ArrayLike<number>): MergeRank {
  const byScore = Array.from(scores, (_, id) => id).sort((a, b) => scores[b] - scores[a])
  const order = new Int32Array(byScore.length)
  byScore.forEach((id, place) => {
    order[id] = place
  })
  return (left, right) => {
    const id = vocab.get(left + right)
    return id === undefined ? -1 : order[id] * SPLITS + Math.max(0, SPLITS - 1 - left.length)
  }
}

/** Merges the best pair, the leftmost among equals, until no pair merges: O(n log n) for n symbols. */
function mergeSymbols(symbols: string[], rank: MergeRank): string[] {
  const count = symbols.length
  const next = Int32Array.from({ length: count }, (_, i) => i + 1)
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
  const heap = new NumberHeap()
  const consider = (at: number) => {
    if (at < 0 || next[at] >= count) return
    const order = rank(symbols[at], symbols[next[at]])
    if (order >= 0) heap.push(order * POSITIONS + at)
  }
  for (let i = 0; i + 1 < count; i++) consider(i)
  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const at = key % POSITIONS
    const right = next[at]
    // Entries are never removed: one whose symbols have since merged has another rank than it was pushed with.
    if (symbols[at] === '' || right >= count) continue
    if (rank(symbols[at], symbols[right]) !== Math.floor(key / POSITIONS)) continue
    symbols[at] += symbols[right]
    symbols[right] = ''
    next[at] = next[right]
    if (next[at] < count) previous[next[at]] = at
    consider(previous[at])
    consider(at)
  }
  return symbols.filter((symbol) => symbol !== '')
}

/** A binary min-heap of numbers. */
class NumberHeap {
  private readonly items: number[] = []

  push(value: number): void {
    const { items } = this
    let at = items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent] <= value) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = value
  }

  pop(): number | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1] < items[child]) child++
      if (items[child] >= last) break
      items[at] = items[child]
      at = child
    }
    items[at] = last
    return top
  }
}
