import { type Automaton, CONTROL, DEAD } from './automaton.js'
import { bitWords, idsOfBits, setBit } from './bits.js'
import { allows, type TokenMask, withoutToken } from './mask.js'
import type { GrammarTokens } from './tokens.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'
import { TrieWalk } from './walk.js'

export interface MaskOptions {
  /** Bytes of the masks that are kept for states that come again; default 64 MiB. */
  readonly cacheBytes?: number
  /** Steps that one mask may take: nodes of the trie, and what the automaton counts (`Automaton.steps`). */
  readonly fuel?: number
}

/** Masks with fewer ids than this part of the vocabulary are lists. */
const SPARSE = 1 / 64

/** The masks of a language: for each of its states the tokens after which the text can still be brought to an end. */
export class TokenMasks {
  /** Masks that were kept, and that were made. */
  hits = 0
  misses = 0
  private readonly walk: TrieWalk
  private readonly cache: MaskCache
  /** The mask that is being made. */
  private readonly bits: Int32Array

  constructor(
    private readonly automaton: Automaton,
    private readonly tokens: GrammarTokens,
    { cacheBytes = 64 * 2 ** 20, fuel }: MaskOptions = {},
  ) {
    this.walk = new TrieWalk(automaton, tokens.trie.depth, fuel)
    this.cache = new MaskCache(cacheBytes)
    this.bits = new Int32Array(bitWords(tokens.vocabulary.size))
  }

  /** Nodes of tries that were visited for all masks. */
  get visited(): number {
    return this.walk.visited
  }

  /** @throws GrammarLimitError where it takes more steps or states than are allowed */
  maskOf(state: number): TokenMask {
    const { automaton, tokens } = this
    const kept = this.cache.get(state)
    if (kept) {
      this.hits++
      return kept
    }
    const alike = automaton.maskState?.(state, tokens.trie.depth) ?? state
    const mask = alike === state ? this.make(state) : this.exact(this.shared(alike), state)
    this.cache.set(state, mask)
    return mask
  }

  private shared(state: number): TokenMask {
    const kept = this.cache.get(state)
    if (kept) return kept
    const mask = this.make(state)
    this.cache.set(state, mask)
    return mask
  }

  /** The mask of a state by that of another after which the same tokens may follow, but for those that repeat something in themselves. */
  private exact(mask: TokenMask, state: number): TokenMask {
    const { automaton, tokens } = this
    const lost = tokens.repeating.filter(
      (id) => allows(mask, id) && advance(automaton, tokens.vocabulary, state, id) === DEAD,
    )
    return lost.reduce(withoutToken, mask)
  }

  private make(state: number): TokenMask {
    this.misses++
    const { automaton, bits, tokens } = this
    const slice = tokens.slices.coverOf(automaton, state)
    if (slice) bits.set(slice.bits)
    else bits.fill(0)
    let count = slice?.count ?? 0
    const trie = slice?.rest ?? tokens.trie
    this.walk.run(trie, -1, state, (node) => {
      for (let id = trie.tokens[node]; id >= 0; id = trie.same[id]) {
        setBit(bits, id)
        count++
      }
      return false
    })
    for (const id of this.special(state)) {
      setBit(bits, id)
      count++
    }
    return count < SPARSE * tokens.vocabulary.size
      ? { ids: idsOfBits(bits, count), count }
      : { bits: bits.slice(), count }
  }

  /** Ends where the text may end, and control tokens that the language has there. */
  private special(state: number): ReadonlySet<number> {
    const { automaton, tokens } = this
    const controls = automaton
      .controls(state)
      .filter((id) => id < tokens.vocabulary.size && automaton.next(state, CONTROL + id) !== DEAD)
    return new Set([...(automaton.accepts(state) ? tokens.ends : []), ...controls])
  }
}

/**
 * The state after a token; `DEAD` for one that is not allowed. After a token that ends the text it stays as it is, unless the language
 * goes on with that very token.
 */
export function advance(
  automaton: Automaton,
  { kinds, offsets, bytes }: TokenVocabulary,
  state: number,
  token: number,
): number {
  const kind = kinds[token]
  if (kind === TOKEN_KIND.text) {
    let after = state
    for (let at = offsets[token]; at < offsets[token + 1] && after !== DEAD; at++) {
      after = automaton.next(after, bytes[at])
    }
    return after
  }
  if (kind !== TOKEN_KIND.control && kind !== TOKEN_KIND.end) return DEAD
  const after = automaton.next(state, CONTROL + token)
  return after === DEAD && kind === TOKEN_KIND.end && automaton.accepts(state) ? state : after
}

/** Bytes of an entry of the cache beside its mask, about. */
const ENTRY = 200

/** Masks by state, up to a number of bytes; those that were not asked for the longest go first. */
class MaskCache {
  private readonly masks = new Map<number, TokenMask>()
  private bytes = 0

  constructor(private readonly most: number) {}

  get(state: number): TokenMask | undefined {
    const mask = this.masks.get(state)
    if (!mask) return undefined
    this.masks.delete(state)
    this.masks.set(state, mask)
    return mask
  }

  set(state: number, mask: TokenMask): void {
    this.masks.set(state, mask)
    this.bytes += bytesOf(mask)
    for (const [oldest, old] of this.masks) {
      if (this.bytes <= this.most) return
      this.masks.delete(oldest)
      this.bytes -= bytesOf(old)
    }
  }
}

function bytesOf(mask: TokenMask): number {
  return ENTRY + ('bits' in mask ? mask.bits : mask.ids).byteLength
}
