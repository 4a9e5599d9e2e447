import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError, usageError } from '../../errors.js'
import { makeDirectory, writeFileWhole } from '../../files.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import type { Batch } from '../batch.js'
import { isJsonLines, readDocuments } from './documents.js'
import { dataKey } from './key.js'
import { FLAGS, type PackedCounts, packDocuments } from './pack.js'
import type { ReadProgress } from './source-file.js'

export interface PackedDataOptions {
  readonly tokenizer: Tokenizer
  /** Tokens of a row. */
  readonly length: number
  /** Where packed data is kept, so that it is made once. */
  readonly directory: string
  readonly separator?: string
  /** What sets the length, for messages. */
  readonly lengthFlag?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ReadProgress) => void
}

/** To be raised with every change of what is packed, or how. */
const VERSION = 1

/**
 * The files' documents as tokens in rows, tokenised now or in an earlier run: the key under which they are kept
 * follows from names, sizes and times of the files, the tokenizer and the settings.
 * @throws UserError for files without a row's worth of tokens, and as `readDocuments`
 */
export async function openPackedData(
  files: readonly string[],
  options: PackedDataOptions,
): Promise<PackedData> {
  const key = await keyOf(files, options)
  const path = join(options.directory, key)
  const counts = (await readCounts(path)) ?? (await pack(files, path, options))
  const { length, tokenizer, lengthFlag = '--sequence-length' } = options
  if (counts.tokens <= length) {
    throw usageError(
      `${files.join(', ')}: ${counts.tokens} tokens are too few for a row of ${length}: give more text, or a shorter ${lengthFlag}.`,
    )
  }
  if (counts.learnt === 0) {
    throw usageError(`${files.join(', ')}: there is nothing to learn: no answer has a token within its row.`)
  }
  return PackedData.open(path, key, counts, length, tokenizer)
}

function keyOf(files: readonly string[], options: PackedDataOptions): Promise<string> {
  const { separator, tokenizer, length } = options
  // Examples are laid out in rows, text is not.
  const rows = files.some(isJsonLines) ? length : undefined
  return dataKey(VERSION, files, tokenizer, [separator, rows])
}

async function readCounts(path: string): Promise<PackedCounts | undefined> {
  try {
    const counts: PackedCounts = JSON.parse(await readFile(`${path}.json`, 'utf8'))
    const { size } = await stat(`${path}.flags`)
    return size === counts.tokens ? counts : undefined
  } catch {
    // What cannot be read is made again, and what then fails says why.
    return undefined
  }
}

async function pack(
  files: readonly string[],
  path: string,
  options: PackedDataOptions,
): Promise<PackedCounts> {
  const { separator, signal, onProgress } = options
  const names = (suffix: string) => ({ tokens: `${path}.tokens${suffix}`, flags: `${path}.flags${suffix}` })
  const temporary = names(`.${process.pid}.tmp`)
  try {
    await makeDirectory(options.directory)
    const documents = readDocuments(files, { separator, signal, onProgress })
    const counts = await packDocuments(documents, temporary, options)
    const final = names('')
    await rename(temporary.tokens, final.tokens)
    await rename(temporary.flags, final.flags)
    // Written last: with it the data counts as there.
    await writeFileWhole(`${path}.json`, JSON.stringify(counts))
    return counts
  } catch (error) {
    await Promise.all(Object.values(temporary).map((file) => rm(file, { force: true }))).catch(
      () => undefined,
    )
    if (error instanceof UserError) throw error
    throw new UserError(
      `The tokens cannot be kept in ${options.directory}: ${(error as Error).message}.`,
      1,
      {
        cause: error,
      },
    )
  }
}

/** Rows of tokens on disk. Row i has the tokens from i · length on; the target of its last one begins row i + 1. */
export class PackedData {
  readonly rows: number

  private constructor(
    private readonly tokenFile: FileHandle,
    private readonly flagFile: FileHandle,
    /** The same for the same data. */
    readonly key: string,
    readonly counts: PackedCounts,
    readonly length: number,
    private readonly wordBytes: 2 | 4,
  ) {
    this.rows = Math.floor((counts.tokens - 1) / length)
  }

  static async open(
    path: string,
    key: string,
    counts: PackedCounts,
    length: number,
    tokenizer: Tokenizer,
  ): Promise<PackedData> {
    const [tokens, flags] = await Promise.all([open(`${path}.tokens`), open(`${path}.flags`)])
    return new PackedData(tokens, flags, key, counts, length, tokenizer.vocabSize <= 2 ** 16 ? 2 : 4)
  }

  get bytesPerToken(): number {
    return this.counts.bytes / this.counts.learnt
  }

  /** @param rows their indices, from 0 */
  async read(rows: readonly number[]): Promise<Batch> {
    const { length } = this
    const size = rows.length * length
    const batch = {
      rows: rows.length,
      length,
      ids: new Int32Array(size),
      targets: new Int32Array(size),
      weights: new Float32Array(size),
      segments: new Int32Array(size),
    }
    for (const [i, row] of rows.entries()) fill(batch, i * length, await this.row(row))
    return batch
  }

  /** The tokens of a row and the one after, with their flags. */
  private async row(index: number): Promise<{ tokens: Uint16Array | Uint32Array; flags: Uint8Array }> {
    const { length, wordBytes } = this
    const bytes = new Uint8Array((length + 1) * wordBytes)
    const flags = new Uint8Array(length + 1)
    await this.tokenFile.read(bytes, 0, bytes.length, index * length * wordBytes)
    await this.flagFile.read(flags, 0, flags.length, index * length)
    return { tokens: wordBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer), flags }
  }

  async close(): Promise<void> {
    await Promise.all([this.tokenFile.close(), this.flagFile.close()])
  }
}

function fill(
  { length, ids, targets, weights, segments }: Batch,
  offset: number,
  { tokens, flags }: { tokens: ArrayLike<number>; flags: Uint8Array },
): void {
  let segment = 0
  for (let i = 0; i < length; i++) {
    if (i > 0 && flags[i] & FLAGS.start) segment++
    ids[offset + i] = tokens[i]
    targets[offset + i] = tokens[i + 1]
    weights[offset + i] = flags[i + 1] & FLAGS.learnt
    segments[offset + i] = segment
  }
}
