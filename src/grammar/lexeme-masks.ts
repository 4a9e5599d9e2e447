import { DEAD } from './automaton.js'
import { ByteClasses, classesOf, classOf } from './byte-classes.js'
import type { Lexer } from './lexical.js'
import { bytesOfMask, type TokenMask } from './mask.js'
import { maskOfIds } from './mask-builder.js'
import type { FreeTextSlices } from './slices.js'
import { buildTrie, type TokenTrie } from './trie.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'

const QUOTATION_MARK = 0x22

/** A place in a trie where a word may end: what follows it is below. */
export interface WordEnd {
  /** −1 for the root. */
  readonly node: number
  readonly verdict: number
  /** Whether the word is over there; otherwise it may go on as well. */
  readonly isOver: boolean
}

/** Tokens that may follow within a word, below a node of a trie. */
export interface LexemeMask {
  readonly trie: TokenTrie
  /** Tokens after which the word is still open: of free text or of some characters, and others. */
  readonly inside: readonly [TokenMask, TokenMask]
  /** Tokens whose first quotation mark ends the word, by verdict. */
  readonly quoted: ReadonlyMap<number, TokenMask>
  /** All other ends. */
  readonly ends: readonly WordEnd[]
}

/** Texts after the first quotation mark of tokens. */
export interface QuotedRests {
  /** Trie of the texts, by their number. */
  readonly trie: TokenTrie
  /** The token of each text. */
  readonly ids: Int32Array
  /** Tokens that end with the quotation mark. */
  readonly whole: Int32Array
}

/** Bytes that most words that go on with the same characters may go on with. */
const [LETTER, DIGIT] = [0x61, 0x30]

/** Nodes below which a walk is shorter than a look at what they have in common. */
const FEW_NODES = 8

const NO_TOKENS: TokenMask = { ids: new Int32Array(0), count: 0 }

interface WordWalk {
  readonly lexer: Lexer
  readonly trie: TokenTrie
  readonly inside: number[]
  /** Classes of bytes whose tokens are inside already. */
  readonly loops: number
  readonly quoted: Map<number, number[]>
  readonly ends: WordEnd[]
}

/** Bytes of masks that are kept. */
const MOST_BYTES = 64 * 2 ** 20

/** Tokens within words, found once for all languages that have these words. */
export class LexemeMasks {
  /** Nodes that were visited. */
  visited = 0
  /** By identity of the lexeme and by node. */
  private masks = new WeakMap<object, Map<number, LexemeMask>>()
  private bytes = 0
  private classes: ByteClasses | undefined
  private withQuotes: TokenTrie | undefined
  private readonly quotedNodes = new Map<number, number>()
  private quotedRests: QuotedRests | undefined
  private readonly loopsOfLexemes = new WeakMap<Lexer, Map<number, number>>()
  private readonly lexemes: Int32Array
  /** By depth: the node that was last entered there. */
  private readonly nodes: Int32Array
  /** Whether a quotation mark is among the bytes up to a depth. */
  private readonly quotes: Uint8Array
  /** By depth: the classes of the bytes so far. */
  private readonly paths: Int32Array

  constructor(
    private readonly vocabulary: TokenVocabulary,
    private readonly trie: TokenTrie,
    private readonly slices: FreeTextSlices,
  ) {
    this.lexemes = new Int32Array(trie.depth + 1)
    this.nodes = new Int32Array(trie.depth + 1)
    this.quotes = new Uint8Array(trie.depth + 1)
    this.paths = new Int32Array(trie.depth + 1)
  }

  /** Tokens with a quotation mark. */
  get quotedTrie(): TokenTrie {
    this.withQuotes ??= buildTrie(this.vocabulary, tokensWithQuotes(this.vocabulary))
    return this.withQuotes
  }

  /** The node of the quoted tokens' trie with the bytes of one of all tokens' (-1 for the root); undefined where there is none. */
  quotedNode(node: number): number | undefined {
    if (node < 0) return node
    let quoted = this.quotedNodes.get(node)
    if (quoted === undefined) {
      quoted = -1
      for (const byte of this.trie.bytesOf(node)) {
        quoted = this.quotedTrie.child(quoted, byte)
        if (quoted < 0) break
      }
      this.quotedNodes.set(node, quoted)
    }
    return quoted < 0 ? undefined : quoted
  }

  get rests(): QuotedRests {
    this.quotedRests ??= restsOf(this.vocabulary)
    return this.quotedRests
  }

  private get byteClasses(): ByteClasses {
    this.classes ??= new ByteClasses(this.vocabulary, this.trie)
    return this.classes
  }

  /** @param root the node whose subtree counts, −1 for all tokens */
  of(lexer: Lexer, lexeme: number, root: number): LexemeMask {
    const word = lexer.identity(lexeme)
    if (this.bytes > MOST_BYTES) {
      this.masks = new WeakMap()
      this.bytes = 0
    }
    const masks = this.masks.get(word) ?? new Map<number, LexemeMask>()
    this.masks.set(word, masks)
    let mask = masks.get(root)
    if (!mask) {
      mask = this.make(lexer, lexeme, root)
      this.bytes += bytesOfLexemeMask(mask)
      masks.set(root, mask)
    }
    return mask
  }

  private make(lexer: Lexer, lexeme: number, root: number): LexemeMask {
    const { slices } = this
    const characters = root < 0 ? lexer.freeText(lexeme) : 0
    const slice = characters > 0 ? slices.cover(characters, lexer.freeTextIsAll(lexeme)) : undefined
    const loops = root < 0 && !slice ? this.loopsOf(lexer, lexeme) : 0
    const walk: WordWalk = {
      lexer,
      trie: slice?.rest ?? this.trie,
      inside: [],
      loops,
      quoted: new Map(),
      ends: [],
    }
    if (lexer.accepts(lexeme)) walk.ends.push({ node: root, verdict: lexer.verdict(lexeme), isOver: false })
    this.walk(walk, lexeme, root)
    const size = this.vocabulary.size
    const quoted = [...walk.quoted].map(([verdict, ids]) => [verdict, maskOfIds(ids, size)] as const)
    const many = slice ?? (loops === 0 ? NO_TOKENS : this.byteClasses.within(loops))
    const inside = [many, maskOfIds(walk.inside, size)] as const
    return { trie: walk.trie, inside, quoted: new Map(quoted), ends: walk.ends }
  }

  /** Classes of bytes of which any number lead from a lexeme to one that stays as it is after all of them. */
  private loopsOf(lexer: Lexer, lexeme: number): number {
    const after = lexer.next(lexeme, LETTER)
    if (after === DEAD) return 0
    return this.loopsAt(lexer, after) & classesOf((byte) => lexer.next(lexeme, byte) === after)
  }

  /** Classes of bytes after which a lexeme stays as it is. */
  private loopsAt(lexer: Lexer, lexeme: number): number {
    if (lexer.next(lexeme, LETTER) !== lexeme && lexer.next(lexeme, DIGIT) !== lexeme) return 0
    return classesOf((byte) => lexer.next(lexeme, byte) === lexeme)
  }

  private walk({ lexer, trie, inside, loops, quoted, ends }: WordWalk, start: number, root: number): void {
    const { lexemes, nodes, quotes, paths } = this
    const { bytes, depths, ends: subtreeEnds, tokens } = trie
    const below = trie === this.trie && root < 0 ? this.byteClasses.below : undefined
    const last = root < 0 ? bytes.length : subtreeEnds[root]
    const top = root < 0 ? 0 : depths[root]
    lexemes[top] = start
    quotes[top] = root < 0 ? 0 : 1
    paths[top] = 0
    for (let node = root + 1; node < last; this.visited++) {
      const depth = depths[node]
      const byte = bytes[node]
      const next = lexer.next(lexemes[depth - 1], byte)
      const end = subtreeEnds[node]
      if (next === DEAD) {
        const parent = depth - 1 === top ? root : nodes[depth - 1]
        node = nextAlive(trie, parent, node, lexer, lexemes[depth - 1])
        continue
      }
      if (lexer.isOver(next)) {
        const verdict = lexer.verdict(next)
        if (byte === QUOTATION_MARK && quotes[depth - 1] === 0) {
          const ids = quoted.get(verdict) ?? []
          quoted.set(verdict, ids)
          addTokens(ids, trie, node, end)
        } else ends.push({ node, verdict, isOver: true })
        node = end
        continue
      }
      if (tokens[node] >= 0) addTokens(inside, trie, node, node + 1)
      if (end > node + 1) {
        const path = paths[depth - 1] | classOf(byte)
        if (lexer.accepts(next)) ends.push({ node, verdict: lexer.verdict(next), isOver: false })
        else if (below && end > node + FEW_NODES && (below[node] & ~this.loops(lexer, next)) === 0) {
          // All tokens below are within the word, and most of them were found before.
          if (((path | below[node]) & ~loops) !== 0) addTokens(inside, trie, node + 1, end)
          node = end
          continue
        }
        lexemes[depth] = next
        nodes[depth] = node
        paths[depth] = path
        quotes[depth] = quotes[depth - 1] | (byte === QUOTATION_MARK ? 1 : 0)
      }
      node++
    }
  }

  private loops(lexer: Lexer, lexeme: number): number {
    const known = this.loopsOfLexemes.get(lexer) ?? new Map<number, number>()
    this.loopsOfLexemes.set(lexer, known)
    let loops = known.get(lexeme)
    if (loops === undefined) {
      loops = this.loopsAt(lexer, lexeme)
      known.set(lexeme, loops)
    }
    return loops
  }
}

/** The first sibling after a child of a node that goes on with a word; the end of the node's subtree where there is none. */
function nextAlive(trie: TokenTrie, parent: number, child: number, lexer: Lexer, lexeme: number): number {
  const table = trie.childTable(parent)
  if (!table) return trie.ends[child]
  for (let byte = trie.bytes[child] + 1; byte < 256; byte++)
    if (table[byte] >= 0 && lexer.next(lexeme, byte) !== DEAD) return table[byte]
  return parent < 0 ? trie.bytes.length : trie.ends[parent]
}

/** Adds the tokens of nodes. */
function addTokens(ids: number[], { tokens, same }: TokenTrie, from: number, to: number): void {
  for (let node = from; node < to; node++) for (let id = tokens[node]; id >= 0; id = same[id]) ids.push(id)
}

function bytesOfLexemeMask({ inside, quoted, ends }: LexemeMask): number {
  let bytes = 500 + bytesOfMask(inside[1]) + 60 * ends.length
  for (const mask of quoted.values()) bytes += bytesOfMask(mask)
  return bytes
}

function restsOf(vocabulary: TokenVocabulary): QuotedRests {
  const ids: number[] = []
  const whole: number[] = []
  const offsets = [0]
  const rests: Uint8Array[] = []
  for (const id of vocabulary.idsOf(TOKEN_KIND.text)) {
    const bytes = vocabulary.bytesOf(id)
    const rest = bytes.subarray(bytes.indexOf(QUOTATION_MARK) + 1)
    if (rest.length === bytes.length) continue
    if (rest.length === 0) whole.push(id)
    else {
      ids.push(id)
      rests.push(rest)
      offsets.push(offsets.at(-1)! + rest.length)
    }
  }
  const texts = { bytes: Buffer.concat(rests), offsets: Int32Array.from(offsets), size: ids.length }
  return {
    trie: buildTrie(texts, Int32Array.from(ids.keys())),
    ids: Int32Array.from(ids),
    whole: Int32Array.from(whole),
  }
}

function tokensWithQuotes(vocabulary: TokenVocabulary): Int32Array {
  return vocabulary.idsOf(TOKEN_KIND.text).filter((id) => vocabulary.bytesOf(id).includes(QUOTATION_MARK))
}
