import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError, usageError } from '../../errors.js'
import {
  isTemporary,
  makeDirectory,
  STDIO,
  systemReason,
  temporaryName,
  unreadable,
  writeFileWhole,
} from '../../files.js'
import { withLock } from '../../lock.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import type { MicroBatch } from '../micro-batch.js'
import { isJsonLines, readDocuments } from './documents.js'
import { dataKey } from './key.js'
import { FLAGS, packDocuments } from './pack.js'
import { type PackedCounts, type PackedFiles, readPacked, wordBytes } from './packed-files.js'
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
  /** A sentence for the user: a wait for another run that packs the same. */
  readonly onNotice?: (message: string) => void
}

/** To be raised with every change of what is packed, or how. */
const VERSION = 2

/**
 * The files' documents as tokens in rows, tokenised now or in an earlier run: the key under which they are kept
 * follows from names, sizes and times of the files, the tokenizer and the settings.
 * @throws UserError for files without a row's worth of tokens, and as `readDocuments`
 */
export async function openPackedData(
  files: readonly string[],
  options: PackedDataOptions,
): Promise<PackedData> {
  await requireFiles(files)
  const key = await keyOf(files, options)
  const path = join(options.directory, key)
  const { counts } = await packedFiles(files, path, key, options)
  const { length, lengthFlag = '--sequence-length', tokenizer } = options
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

/** What has no size is read once, and its data could be told from no other's. */
async function requireFiles(files: readonly string[]): Promise<void> {
  for (const file of files.filter((file) => file !== STDIO)) {
    const found = await stat(file).catch((error) => {
      throw unreadable(file, error)
    })
    if (found.isFile()) continue
    const what = found.isDirectory() ? 'a directory' : 'a pipe or a device'
    throw usageError(`${file} is ${what}: give a file, which a run that is resumed reads again.`)
  }
}

async function packedFiles(
  files: readonly string[],
  path: string,
  key: string,
  options: PackedDataOptions,
): Promise<PackedFiles> {
  const { signal, onNotice, directory, tokenizer } = options
  const read = () => readPacked(path, tokenizer.vocabSize)
  const found = await read()
  if (found) return found
  try {
    await makeDirectory(directory)
    const lock = `${path}.lock`
    const onWait = () => onNotice?.(`Another run reads the same files (it holds ${lock}): waiting for it.`)
    return await withLock(lock, async () => (await read()) ?? pack(files, path, key, options), {
      signal,
      onWait,
    })
  } catch (error) {
    if (error instanceof UserError || signal?.aborted) throw error
    throw new UserError(`The tokens cannot be kept in ${directory}: ${systemReason(error)}.`, 1, {
      cause: error,
    })
  }
}

/** Only under the lock of the path: what lies there under another name is a killed run's. */
async function pack(
  files: readonly string[],
  path: string,
  key: string,
  options: PackedDataOptions,
): Promise<PackedFiles> {
  await removeUnfinished(key, options.directory)
  const { separator, signal, onProgress } = options
  const final = { tokens: `${path}.tokens`, flags: `${path}.flags` }
  const temporary = { tokens: temporaryName(final.tokens), flags: temporaryName(final.flags) }
  try {
    const documents = readDocuments(files, { separator, signal, onProgress })
    const packed = await packDocuments(documents, temporary, options)
    if ((await keyOf(files, options)) !== key) {
      throw new UserError(`${files.join(', ')} changed while being read: start again.`)
    }
    await rename(temporary.tokens, final.tokens)
    await rename(temporary.flags, final.flags)
    // Written last: with it the data counts as there.
    await writeFileWhole(`${path}.json`, JSON.stringify(packed))
    return packed
  } catch (error) {
    await Promise.all(Object.values(temporary).map((file) => rm(file, { force: true }))).catch(
      () => undefined,
    )
    throw error
  }
}

/** What killed runs had begun: under the key whose lock is held, and under those whose lock is free. */
async function removeUnfinished(key: string, directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, owner] = /^([0-9a-f]{32})\./.exec(name) ?? []
    if (!owner || !isTemporary(name)) continue
    const remove = () => rm(join(directory, name), { force: true })
    if (owner === key) await remove()
    else await ifFree(join(directory, `${owner}.lock`), remove)
  }
}

async function ifFree(lock: string, task: () => Promise<void>): Promise<void> {
  const held = new Error('held')
  const onWait = () => {
    throw held
  }
  await withLock(lock, task, { onWait }).catch((error) => {
    if (error !== held) throw error
  })
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
    private readonly path: string,
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
    return new PackedData(tokens, flags, key, counts, length, wordBytes(tokenizer.vocabSize), path)
  }

  get bytesPerToken(): number {
    return this.counts.bytes / this.counts.learnt
  }

  /** @param rows their indices, from 0 */
  async read(rows: readonly number[]): Promise<MicroBatch> {
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
    await this.fill(this.tokenFile, bytes, index * length * wordBytes)
    await this.fill(this.flagFile, flags, index * length)
    return { tokens: wordBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer), flags }
  }

  private async fill(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
    const { bytesRead } = await file.read(bytes, 0, bytes.length, position)
    if (bytesRead === bytes.length) return
    throw new UserError(`The tokens at ${this.path} were cut while being read: start again, or --resume.`)
  }

  async close(): Promise<void> {
    await Promise.all([this.tokenFile.close(), this.flagFile.close()])
  }
}

function fill(
  { length, ids, targets, weights, segments }: MicroBatch,
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
