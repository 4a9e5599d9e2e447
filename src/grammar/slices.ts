import type { Automaton } from './automaton.js'
import { bitWords, setBit } from './bits.js'
import { buildTrie, type TokenTrie } from './trie.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'

/** Tokens that free text allows without looking, and a trie of all that are to be walked. */
export interface Slice {
  readonly bits: Int32Array
  readonly count: number
  readonly rest: TokenTrie
}

/** Characters up to which tokens are one slice where more may follow than is known; longer texts take the slice of all. */
const LIMITS = [10, 30]

/**
 * Tokens of free text by their length in characters: code points without controls, quotation mark and backslash, whole in UTF-8. Where a
 * grammar allows so many of them, all such tokens are allowed, and few others are left to be walked. Made when first asked for.
 */
export class FreeTextSlices {
  private readonly longest: number
  private readonly sets = new Map<number, Pick<Slice, 'bits' | 'count'>>()
  private readonly made: Map<number, TokenTrie>

  /**
   * @param lengths by id: characters of a token of free text, 0 for others
   * @param rests as `rests` gives them, where they are made already
   */
  constructor(
    private readonly vocabulary: TokenVocabulary,
    readonly lengths: Uint16Array = freeLengths(vocabulary),
    rests: readonly TokenTrie[] = [],
  ) {
    let longest = 0
    for (let id = 0; id < lengths.length; id++) if (lengths[id] > longest) longest = lengths[id]
    this.longest = longest
    this.made = new Map(rests.map((rest, i) => [this.limits[i], rest]))
  }

  /** The trie that is left to be walked, for each slice. */
  get rests(): TokenTrie[] {
    return this.limits.map((limit) => this.rest(limit))
  }

  private get limits(): number[] {
    return [...LIMITS, this.longest]
  }

  /** The slice of what a language allows in a state; undefined where no walk is spared. */
  coverOf(automaton: Automaton, state: number): Slice | undefined {
    const characters = automaton.freeText(state)
    return characters > 0 ? this.cover(characters, automaton.freeTextIsAll?.(state) ?? false) : undefined
  }

  /** Characters of a token of free text, 0 for others. */
  charactersOf(id: number): number {
    return this.lengths[id]
  }

  /**
   * The slice for free text; undefined where it is too short to spare a walk.
   * @param characters that may follow, whatever they are
   * @param isAll no more of them may follow
   */
  cover(characters: number, isAll: boolean): Slice | undefined {
    const known = isAll || characters >= this.longest
    const limit = known ? characters : LIMITS.findLast((each) => each <= characters)
    if (!limit) return undefined
    // Tokens of free text that are longer than may follow need no walk to be refused.
    return { ...this.upTo(Math.min(limit, this.longest)), rest: this.rest(known ? this.longest : limit) }
  }

  private upTo(limit: number): Pick<Slice, 'bits' | 'count'> {
    const made = this.sets.get(limit)
    if (made) return made
    const bits = new Int32Array(bitWords(this.lengths.length))
    let count = 0
    for (let id = 0; id < this.lengths.length; id++) {
      if (this.lengths[id] === 0 || this.lengths[id] > limit) continue
      setBit(bits, id)
      count++
    }
    this.sets.set(limit, { bits, count })
    return { bits, count }
  }

  private rest(limit: number): TokenTrie {
    const made = this.made.get(limit)
    if (made) return made
    const { lengths } = this
    const others = this.vocabulary
      .idsOf(TOKEN_KIND.text)
      .filter((id) => lengths[id] === 0 || lengths[id] > limit)
    const trie = buildTrie(this.vocabulary, others)
    this.made.set(limit, trie)
    return trie
  }
}

function freeLengths(vocabulary: TokenVocabulary): Uint16Array {
  const { size, kinds } = vocabulary
  const lengths = new Uint16Array(size)
  for (let id = 0; id < size; id++) {
    if (kinds[id] === TOKEN_KIND.text) lengths[id] = freeLength(vocabulary, id)
  }
  return lengths
}

/** Characters of a token of free text; 0 for one that is none. */
function freeLength({ bytes, offsets }: TokenVocabulary, id: number): number {
  let characters = 0
  for (let at = offsets[id]; at < offsets[id + 1]; ) {
    const length = freeCharacter(bytes, at, offsets[id + 1])
    if (length === 0) return 0
    at += length
    characters++
  }
  return characters
}

const [QUOTATION_MARK, BACKSLASH, DELETE] = [0x22, 0x5c, 0x7f]

/** Bytes of the character of free text that begins at a place; 0 where there is none, or no whole one. Unicode 17, table 3-7. */
function freeCharacter(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]
  if (lead < 0x80) {
    return lead < 0x20 || lead === QUOTATION_MARK || lead === BACKSLASH || lead === DELETE ? 0 : 1
  }
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  if (at + length > end) return 0
  for (let i = 1; i < length; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1]
  const isRefused =
    // C1 controls, overlong forms, surrogates, and what is beyond U+10FFFF.
    (lead === 0xc2 && second < 0xa0) ||
    (lead === 0xe0 && second < 0xa0) ||
    (lead === 0xed && second >= 0xa0) ||
    (lead === 0xf0 && second < 0x90) ||
    (lead === 0xf4 && second >= 0x90)
  return isRefused ? 0 : length
}
