import { createHash } from 'node:crypto'
import { LexemeMasks } from './lexeme-masks.js'
import { FreeTextSlices } from './slices.js'
import type { GrammarTokens } from './tokens.js'
import { TokenTrie } from './trie.js'
import { TOKEN_KIND, TokenVocabulary } from './vocabulary.js'

/** To be raised with every change of what is in a file, or of how it is made. */
export const TOKENS_VERSION = 1

type Numbers = Uint8Array | Uint16Array | Int32Array

/** Bytes that begin a file: SHA-256 of its key and of all that follows. */
const DIGEST = 32
/** Bytes of an array's length, which stands before it. Arrays begin at multiples of it, as those of JavaScript have to. */
const WORD = 8

/** A file of the tokens. @param key of the tokenizer and the options that they were made of */
export function encodeTokens({ vocabulary, trie, slices, repeating }: GrammarTokens, key: string): Buffer {
  const { kinds, offsets, bytes } = vocabulary
  const nodes = [trie, ...slices.rests].flatMap((each) => [each.bytes, each.depths, each.ends, each.tokens])
  const arrays = [kinds, offsets, bytes, trie.same, slices.lengths, repeating, ...nodes]
  const body = Buffer.concat(arrays.flatMap(withLength))
  return Buffer.concat([digestOf(body, key), body])
}

/** The tokens of a file, as views of it; undefined for a damaged one, and for one of another key. */
export function decodeTokens(file: Uint8Array, key: string): GrammarTokens | undefined {
  const body = file.subarray(DIGEST)
  if (!digestOf(body, key).equals(file.subarray(0, DIGEST))) return undefined
  const read = new ArrayReader(body.byteOffset % WORD === 0 ? body : new Uint8Array(body))
  const vocabulary = new TokenVocabulary(read.next(Uint8Array), read.next(Int32Array), read.next(Uint8Array))
  // Tokens of the same bytes are in the same tries.
  const same = read.next(Int32Array)
  const lengths = read.next(Uint16Array)
  const repeating = read.next(Int32Array)
  const tries: TokenTrie[] = []
  while (!read.isAtEnd) {
    const [bytes, depths] = [read.next(Uint8Array), read.next(Uint16Array)]
    tries.push(new TokenTrie(bytes, depths, read.next(Int32Array), read.next(Int32Array), same))
  }
  const [trie, ...rests] = tries
  const slices = new FreeTextSlices(vocabulary, lengths, rests)
  const lexemeMasks = new LexemeMasks(vocabulary, trie, slices)
  return { vocabulary, trie, slices, lexemeMasks, ends: vocabulary.idsOf(TOKEN_KIND.end), repeating }
}

/** An array, after its length in bytes and before what fills it up. */
function withLength({ buffer, byteOffset, byteLength }: Numbers): Uint8Array[] {
  const length = new Uint8Array(Uint32Array.of(byteLength, 0).buffer)
  return [
    length,
    new Uint8Array(buffer, byteOffset, byteLength),
    Buffer.alloc(filledUp(byteLength) - byteLength),
  ]
}

function filledUp(length: number): number {
  return Math.ceil(length / WORD) * WORD
}

/** Reads the arrays of a file one after the other. */
class ArrayReader {
  private at = 0

  constructor(private readonly file: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at === this.file.length
  }

  next<Kind extends Numbers>(Kind: {
    new (buffer: ArrayBufferLike, start: number, length: number): Kind
    readonly BYTES_PER_ELEMENT: number
  }): Kind {
    const { buffer, byteOffset } = this.file
    const [length] = new Uint32Array(buffer, byteOffset + this.at, 1)
    const start = byteOffset + this.at + WORD
    this.at += WORD + filledUp(length)
    return new Kind(buffer, start, length / Kind.BYTES_PER_ELEMENT)
  }
}

function digestOf(body: Uint8Array, key: string): Buffer {
  return createHash('sha256').update(key).update(body).digest()
}
