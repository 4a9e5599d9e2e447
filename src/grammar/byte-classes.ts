import { bitWords, setBit } from './bits.js'
import type { TokenMask } from './mask.js'
import type { TokenTrie } from './trie.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'

/** Bytes that languages mostly treat alike, a class each; what is in none of them is the last class. */
const CLASSES = [
  ...['abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEF', 'GHIJKLMNOPQRSTUVWXYZ', '0123456789', ' ', '.', '-', '_'],
  ...['/', ':', '@', ',', '#', '+', '&', '=', '%', '?', '~', '"', '\\', "!$'()*;", '[]', '<>^`{|}'],
]
/** Controls and bytes beyond ASCII, which are parts of characters: no state stays the same after all of them. */
const OTHERS = 1 << CLASSES.length

/** Sets of classes, a bit each, by byte. */
const CLASS_OF = Int32Array.from({ length: 256 }, (_, byte) => {
  const index = CLASSES.findIndex((characters) => characters.includes(String.fromCharCode(byte)))
  return index < 0 ? OTHERS : 1 << index
})

/** Sets that are kept as masks. */
const KEPT = 64

/** The classes whose bytes all satisfy a condition, a bit each. */
export function classesOf(holds: (byte: number) => boolean): number {
  let classes = 0
  for (const [i, characters] of CLASSES.entries()) if (Buffer.from(characters).every(holds)) classes |= 1 << i
  return classes
}

export function classOf(byte: number): number {
  return CLASS_OF[byte]
}

/** Tokens by the classes of their bytes. */
export class ByteClasses {
  /** By node: the classes of all bytes below it, [nodes]. */
  readonly below: Int32Array
  /** By id: the classes of its bytes; those of no token are `OTHERS`, [vocabulary]. */
  private readonly tokens: Int32Array
  private readonly subsets = new Map<number, TokenMask>()

  constructor(vocabulary: TokenVocabulary, trie: TokenTrie) {
    this.below = classesBelow(trie)
    this.tokens = new Int32Array(vocabulary.size).fill(OTHERS)
    for (const id of vocabulary.idsOf(TOKEN_KIND.text)) {
      let classes = 0
      for (const byte of vocabulary.bytesOf(id)) classes |= CLASS_OF[byte]
      this.tokens[id] = classes
    }
  }

  /** Tokens of which all bytes are in some classes. */
  within(classes: number): TokenMask {
    const kept = this.subsets.get(classes)
    if (kept) return kept
    const { tokens } = this
    const bits = new Int32Array(bitWords(tokens.length))
    let count = 0
    for (let id = 0; id < tokens.length; id++) {
      if ((tokens[id] & ~classes) !== 0) continue
      setBit(bits, id)
      count++
    }
    const mask = { bits, count }
    const [oldest] = this.subsets.keys()
    if (this.subsets.size >= KEPT) this.subsets.delete(oldest)
    this.subsets.set(classes, mask)
    return mask
  }
}

function classesBelow({ bytes, depths, depth }: TokenTrie): Int32Array {
  const below = new Int32Array(bytes.length)
  /** By depth: the classes of the nodes of one parent that were seen so far, and of all below them. */
  const open = new Int32Array(depth + 2)
  for (let node = bytes.length - 1; node >= 0; node--) {
    const at = depths[node]
    below[node] = open[at + 1]
    open[at + 1] = 0
    open[at] |= below[node] | CLASS_OF[bytes[node]]
  }
  return below
}
