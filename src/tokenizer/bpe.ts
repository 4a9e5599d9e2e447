import { UserError } from '../errors.js'
import { isJsonObject, kindOf } from '../json.js'
import { Heap } from './heap.js'
import { type BpeJson, quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** The order in which two neighbours merge: lower first, -1 for never. */
type MergeRank = (left: string, right: string) => number

const MAX_CACHED_WORDS = 10_000
const MAX_CACHED_LENGTH = 64
/** Ids are below it: an array has them for places. */
const MOST_IDS = 2 ** 24
/** Ranks and positions share one double: 2^53 = 2^27 ranks · 2^26 positions. */
const POSITIONS = 2 ** 26
/** Splits of one token share its score; room for this many of them in a rank. */
const SPLITS = 2 ** 8

/**
 * Byte-pair encoding with byte fallback, as Rust `tokenizers` does it (Sennrich et al. 2016,
 * arXiv:1508.07909).
 */
export class Bpe {
  /** Ids by token, and tokens by id, which may have gaps. */
  readonly ids = new Map<string, number>()
  readonly tokens: (string | undefined)[] = []
  readonly unkToken: string | undefined
  private readonly rank: MergeRank
  private readonly byteFallback: boolean
  private readonly fuseUnknown: boolean
  private readonly ignoreMerges: boolean
  private readonly cache = new Map<string, readonly number[]>()

  /** @throws UserError for a vocabulary or merges of wrong content, and for what is not supported */
  constructor(json: BpeJson) {
    if (json.continuing_subword_prefix || json.end_of_word_suffix) {
      throw unsupportedTokenizer('a subword prefix or suffix')
    }
    if (json.dropout) throw unsupportedTokenizer('the random dropout of merges')
    this.readVocabulary(json.vocab)
    this.unkToken = json.unk_token ?? undefined
    this.byteFallback = json.byte_fallback ?? false
    this.fuseUnknown = json.fuse_unk ?? false
    this.ignoreMerges = json.ignore_merges ?? false
    this.rank = json.scores ? rankByScore(this.ids, json.scores) : rankByMerges(json.merges ?? [])
  }

  private readVocabulary(vocab: BpeJson['vocab']): void {
    if (isTokenList(vocab)) {
      for (let id = 0; id < vocab.length; id++) {
        this.ids.set(vocab[id], id)
        this.tokens.push(vocab[id])
      }
    } else if (isJsonObject(vocab)) for (const token in vocab) this.add(token, vocab[token])
    else throw tokenizerFault(`its model.vocab is ${kindOf(vocab)}, where an object is needed`)
  }

  private add(token: string, id: number): void {
    if (!Number.isInteger(id) || id < 0 || id >= MOST_IDS) {
      throw tokenizerFault(
        `its model.vocab gives ${quoted(token)} the id ${typeof id === 'number' ? id : kindOf(id)}`,
      )
    }
    const other = this.tokens[id]
    if (other !== undefined) {
      throw tokenizerFault(`its model.vocab gives ${quoted(token)} and ${quoted(other)} one id, ${id}`)
    }
    this.ids.set(token, id)
    this.tokens[id] = token
  }

  /** Adds the ids of a pre-tokenised word's tokens. */
  encode(word: string, ids: number[]): void {
    const whole = this.ignoreMerges ? this.ids.get(word) : undefined
    if (whole !== undefined) ids.push(whole)
    else for (const id of this.encodeWord(word)) ids.push(id)
  }

  /** The ids of a word's tokens, and of each the bytes of the word's UTF-8 that it was made of, as Rust counts them. */
  encodeWithLengths(word: string): { ids: number[]; lengths: number[] } {
    const ids: number[] = []
    this.encode(word, ids)
    if (this.ignoreMerges && this.ids.has(word)) return { ids, lengths: [Buffer.byteLength(word)] }
    const own: number[] = []
    const symbols = this.symbols(word, own)
    let at = 0
    const lengths = ids.map((id) => {
      let length = 0
      for (let spelled = ''; spelled.length < this.tokens[id]!.length; at++) {
        spelled += symbols[at]
        length += own[at]
      }
      return length
    })
    return { ids, lengths }
  }

  private encodeWord(word: string): readonly number[] {
    const cached = this.cache.get(word)
    if (cached) return cached
    const ids = mergeSymbols(this.symbols(word), this.rank).map((token) => this.idOf(token))
    if (word.length <= MAX_CACHED_LENGTH) {
      if (this.cache.size === MAX_CACHED_WORDS) this.cache.clear()
      this.cache.set(word, ids)
    }
    return ids
  }

  private idOf(token: string): number {
    const id = this.ids.get(token)
    if (id !== undefined) return id
    const what = `its model makes the token ${quoted(token)}, which its vocabulary lacks`
    throw new UserError(`This model's tokenizer cannot be used: ${what}.`)
  }

  /**
   * The characters of a word, those outside the vocabulary as byte tokens or the unknown token, or left out. As in Rust, an
   * unknown token waits for the next character of the vocabulary, and byte tokens may come before it.
   * @param lengths is given the bytes of each, where they are wanted
   */
  private symbols(word: string, lengths?: number[]): string[] {
    const symbols: string[] = []
    /** Characters that one unknown token stands for. */
    let unknown = ''
    const flush = () => {
      if (unknown === '') return
      symbols.push(this.unkToken!)
      lengths?.push(Buffer.byteLength(unknown))
      unknown = ''
    }
    for (const character of word) {
      if (this.ids.has(character)) {
        flush()
        symbols.push(character)
        lengths?.push(Buffer.byteLength(character))
        continue
      }
      const bytes = this.byteTokens(character)
      if (bytes) {
        symbols.push(...bytes)
        lengths?.push(...bytes.map(() => 1))
      } else if (this.unkToken !== undefined) {
        if (!this.fuseUnknown) flush()
        unknown += character
      }
    }
    flush()
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
  for (let rank = 0; rank < merges.length; rank++) {
    const merge = merges[rank]
    ranks.set(typeof merge === 'string' ? merge : merge[0] + separator + merge[1], rank)
  }
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
  const heap = new Heap(isLess)
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

const isLess = (a: number, b: number) => a < b
