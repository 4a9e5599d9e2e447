import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { usageError } from '../errors.js'
import { makeDirectory, STDIO, unwritable, writeFileWhole } from '../files.js'
import { SuffixIndex } from '../strategies/suffix-index.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { readDocuments, type TrainingDocument } from '../train/data/documents.js'
import { dataKey } from '../train/data/key.js'
import type { ReadProgress } from '../train/data/source-file.js'

export interface LookupCorpusOptions {
  readonly tokenizer: Tokenizer
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ReadProgress) => void
  readonly onNotice?: (message: string) => void
}

/** To be raised with every change of the file's layout, or of what is in it. */
const VERSION = 1
/** The most tokens of a corpus: its file is then 1 GiB, and making it takes 2 GiB of memory. */
const LARGEST = 2 ** 27

/**
 * The documents of files as a text for prompt lookup, indexed now or in an earlier run.
 * @throws UserError as `readDocuments`, for too much text, and where the index cannot be kept
 */
export async function openLookupCorpus(
  files: readonly string[],
  { tokenizer, signal, onProgress, onNotice }: LookupCorpusOptions,
): Promise<SuffixIndex> {
  for (const file of files) await requireFile(file)
  const directory = cacheDirectory('corpora')
  const path = join(directory, await dataKey(VERSION, files, tokenizer))
  // Documents are told apart by a number that no token has.
  const boundary = tokenizer.vocabSize
  const kept = await readIndex(path, boundary)
  if (kept) return kept
  const tokens = new TokenBuffer(boundary)
  for await (const document of readDocuments(files, { signal, onProgress })) {
    tokens.add(document, tokenizer)
  }
  onNotice?.(`Indexing ${tokens.length.toLocaleString('en-US')} tokens`)
  const index = await SuffixIndex.build(tokens.filled(), boundary, signal)
  await makeDirectory(directory).catch((error) => {
    throw unwritable(directory, error)
  })
  await writeFileWhole(path, fileOf(index))
  return index
}

/** A device has no end, and stdin no name to keep an index under. */
async function requireFile(path: string): Promise<void> {
  const found = path === STDIO ? undefined : await stat(path).catch(() => undefined)
  if (path !== STDIO && !found?.isCharacterDevice() && !found?.isBlockDevice()) return
  throw usageError(`The corpus ${path} is no file, but is indexed once and kept: write it to one first.`)
}

/** Tokens of documents, with the boundary after each. */
class TokenBuffer {
  length = 0
  private tokens: Uint16Array | Uint32Array

  constructor(private readonly boundary: number) {
    this.tokens = arrayFor(boundary, 2 ** 16)
  }

  add(document: TrainingDocument, tokenizer: Tokenizer): void {
    for (const { text, end } of textsOf(document)) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false })
      this.reserve(ids.length + 1)
      this.tokens.set(ids, this.length)
      this.length += ids.length
      if (end) this.tokens[this.length++] = this.boundary
    }
  }

  filled(): Uint16Array | Uint32Array {
    return this.tokens.slice(0, this.length)
  }

  private reserve(count: number): void {
    const needed = this.length + count
    if (needed > LARGEST) {
      throw usageError(
        `The corpus has more than ${LARGEST.toLocaleString('en-US')} tokens, the most there can be: give less text.`,
      )
    }
    if (needed <= this.tokens.length) return
    const larger = arrayFor(this.boundary, Math.max(needed, 2 * this.tokens.length))
    larger.set(this.tokens)
    this.tokens = larger
  }
}

/** An answer goes on from its prompt, and what is between the messages of a chat is the template's. */
function textsOf(document: TrainingDocument): { text: string; end: boolean }[] {
  if (document.kind === 'text') return [document]
  if (document.kind === 'prompt') return [{ text: document.prompt + document.completion, end: true }]
  return document.messages.map(({ content }) => ({ text: String(content), end: true }))
}

/** An array for tokens up to `largest`. */
function arrayFor(largest: number, length: number): Uint16Array | Uint32Array {
  return largest < 2 ** 16 ? new Uint16Array(length) : new Uint32Array(length)
}

/** The number of tokens (Uint32), the suffixes (Uint32 each) and the tokens. */
function fileOf({ tokens, suffixes }: SuffixIndex): Uint8Array {
  const parts = [Uint32Array.of(tokens.length), suffixes, tokens]
  return Buffer.concat(
    parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  )
}

/** Undefined for a file that is not there, or not whole. */
async function readIndex(path: string, boundary: number): Promise<SuffixIndex | undefined> {
  let file: Buffer
  try {
    file = await readFile(path)
  } catch {
    // What cannot be read is made again, and what then fails says why.
    return undefined
  }
  if (file.length < 4) return undefined
  const { buffer } = new Uint8Array(file)
  const [length] = new Uint32Array(buffer, 0, 1)
  const { BYTES_PER_ELEMENT: width } = arrayFor(boundary, 0)
  const tokensAt = 4 + 4 * length
  if (buffer.byteLength !== tokensAt + width * length) return undefined
  const tokens = width === 2 ? new Uint16Array(buffer, tokensAt) : new Uint32Array(buffer, tokensAt)
  return new SuffixIndex(tokens, new Uint32Array(buffer, 4, length), boundary)
}
