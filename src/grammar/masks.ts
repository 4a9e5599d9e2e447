import { type Automaton, CONTROL, DEAD, inLimits } from './automaton.js'
import { allows, bytesOfMask, type TokenMask, withoutToken } from './mask.js'
import { MaskBuilder } from './mask-builder.js'
import type { GrammarTokens } from './tokens.js'
import type { TokenTrie } from './trie.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'
import { TrieWalk } from './walk.js'

export interface MaskOptions {
  /** Bytes of the masks that are kept for states that come again; default 64 MiB. */
  readonly cacheBytes?: number
  /** Steps that one mask may take: nodes of the trie, and what the automaton counts (`Automaton.steps`). */
  readonly fuel?: number
}

/** States whose `restsAfter` are kept. */
const MOST_RESTS = 1_000

/** The masks of a language: for each of its states the tokens after which the text can still be brought to an end. */
export class TokenMasks {
  /** Masks that were kept, and that were made. */
  hits = 0
  misses = 0
  private readonly walk: TrieWalk
  private readonly cache: MaskCache
  /** The mask that is being made. */
  private readonly mask: MaskBuilder
  /** Words that were come by and are still to be added: node, state and lexeme of each. */
  private readonly words: number[] = []
  /** By state: see `restsAfter`. */
  private readonly rests = new Map<number, readonly number[]>()

  constructor(
    private readonly automaton: Automaton,
    private readonly tokens: GrammarTokens,
    { cacheBytes = 64 * 2 ** 20, fuel }: MaskOptions = {},
  ) {
    this.walk = new TrieWalk(automaton, tokens.trie.depth, fuel)
    this.cache = new MaskCache(cacheBytes)
    this.mask = new MaskBuilder(tokens.vocabulary.size)
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
    const mask = inLimits(automaton, () => {
      const alike = automaton.maskState?.(state, tokens.trie.depth) ?? state
      return alike === state ? this.make(state) : this.exact(this.shared(alike), state)
    })
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
    const { automaton, tokens } = this
    const lexeme = automaton.lexical?.open(state) ?? DEAD
    // Masks are made one at a time.
    const after = lexeme === DEAD ? [] : this.afterWord(state, lexeme)
    if (lexeme !== DEAD) this.addWord(-1, state, lexeme)
    else {
      const slice = tokens.slices.coverOf(automaton, state)
      if (slice) this.mask.addMask(slice)
      this.addBelow(slice?.rest ?? tokens.trie, -1, state)
    }
    for (const mask of after) this.mask.addMask(mask)
    this.addSpecial(state)
    return this.mask.finish()
  }

  /** The masks after a word that may end at once. */
  private afterWord(state: number, lexeme: number): readonly TokenMask[] {
    const { lexical } = this.automaton
    if (!lexical!.lexer.accepts(lexeme)) return []
    const after = lexical!.close(state, lexical!.lexer.verdict(lexeme))
    return after === DEAD ? [] : [this.maskOf(after)]
  }

  /** Adds what may follow below a node of a trie. */
  private addBelow(trie: TokenTrie, root: number, start: number): void {
    const { lexical } = this.automaton
    const isWhole = trie === this.tokens.trie
    this.walk.run(
      trie,
      root,
      start,
      (node) => {
        this.addTokens(trie, node)
        return false
      },
      lexical &&
        ((node, state) => {
          const lexeme = isWhole ? lexical.open(state) : DEAD
          if (lexeme === DEAD) return false
          this.words.push(node, state, lexeme)
          return true
        }),
    )
    while (this.words.length > 0) {
      const [node, state, lexeme] = this.words.splice(-3)
      this.addWord(node, state, lexeme)
    }
  }

  private addTokens({ tokens, same }: TokenTrie, node: number): void {
    for (let id = tokens[node]; id >= 0; id = same[id]) this.mask.add(id)
  }

  /** Adds what may follow within a word and after it, below a node of the trie; at the root not what follows if it ends at once. */
  private addWord(root: number, state: number, lexeme: number): void {
    const { tokens } = this
    const lexical = this.automaton.lexical!
    const { trie, inside, quoted, ends } = tokens.lexemeMasks.of(lexical.lexer, lexeme, root)
    for (const mask of inside) this.mask.addMask(mask)
    for (const [verdict, mask] of quoted) {
      const after = lexical.close(state, verdict)
      if (after === DEAD) continue
      for (const id of this.restsAfter(after)) if (allows(mask, id)) this.mask.add(id)
    }
    for (const { node, verdict, isOver } of ends) {
      if (node < 0) continue
      const after = lexical.close(state, verdict)
      if (after === DEAD) continue
      if (isOver) this.addTokens(trie, node)
      this.addBelow(trie, node, after)
    }
    if (lexical.exceptions(state)) this.addExceptions(root, state)
  }

  /** The tokens after whose first quotation mark a text may go on. */
  private restsAfter(state: number): readonly number[] {
    const kept = this.rests.get(state)
    if (kept) return kept
    const { trie, ids, whole } = this.tokens.lexemeMasks.rests
    const rests = [...whole]
    this.walk.run(trie, -1, state, (node) => {
      for (let text = trie.tokens[node]; text >= 0; text = trie.same[text]) rests.push(ids[text])
      return false
    })
    if (this.rests.size >= MOST_RESTS) this.rests.clear()
    this.rests.set(state, rests)
    return rests
  }

  /** Tokens with words that lead elsewhere, below a node of the trie: what was added of them is taken back, and they are walked. */
  private addExceptions(root: number, start: number): void {
    const { trie, lexemeMasks } = this.tokens
    if (!this.automaton.lexical!.holdsExceptions(start)) this.walkExceptions(trie, root, start)
    else {
      const quoted = lexemeMasks.quotedNode(root)
      if (quoted !== undefined) this.walkExceptions(lexemeMasks.quotedTrie, quoted, start)
    }
  }

  private walkExceptions(trie: TokenTrie, root: number, start: number): void {
    const { automaton } = this
    const lexical = automaton.lexical!
    const top = root < 0 ? 0 : trie.depths[root]
    const states = [start]
    const nodes = [root]
    const flags = [lexical.exceptions(start)!]
    const last = root < 0 ? trie.bytes.length : trie.ends[root]
    for (let node = root + 1; node < last; ) {
      const depth = trie.depths[node] - top
      const byte = trie.bytes[node]
      const end = trie.ends[node]
      if (flags[depth - 1][byte] === 0) {
        node = trie.nextChild(nodes[depth - 1], node, flags[depth - 1])
        continue
      }
      const state = automaton.next(states[depth - 1], byte)
      if (lexical.open(state) !== DEAD) {
        const further = lexical.exceptions(state)
        this.addTokens(trie, node)
        states[depth] = state
        nodes[depth] = node
        if (further) flags[depth] = further
        node = further ? node + 1 : end
        continue
      }
      for (let below = node; below < end; below++)
        for (let id = trie.tokens[below]; id >= 0; id = trie.same[id]) this.mask.remove(id)
      if (state !== DEAD) {
        this.addTokens(trie, node)
        this.addBelow(trie, node, state)
      }
      node = end
    }
  }

  /** Adds ends where the text may end, and control tokens that the language has there. */
  private addSpecial(state: number): void {
    const { automaton, tokens } = this
    if (automaton.accepts(state)) for (const id of tokens.ends) this.mask.add(id)
    for (const id of automaton.controls(state))
      if (advance(automaton, tokens.vocabulary, state, id) !== DEAD) this.mask.add(id)
  }
}

/**
 * The state after a token; `DEAD` for one that is not allowed. A token that ends the text is allowed where the text may end before it, and
 * stays as it is then, or after it, where the language names that very token.
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
  if (kind === TOKEN_KIND.control || automaton.accepts(after)) return after
  return automaton.accepts(state) ? state : DEAD
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
    this.bytes += ENTRY + bytesOfMask(mask)
    for (const [oldest, old] of this.masks) {
      if (this.bytes <= this.most) return
      this.masks.delete(oldest)
      this.bytes -= ENTRY + bytesOfMask(old)
    }
  }
}
