import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { UserError, usageError } from '../../errors.js'
import { unreadable } from '../../files.js'

/** Bytes over all files, as they lie on the disk. */
export interface ReadProgress {
  readonly file: string
  readonly received: number
  readonly total: number
}

/** The path of stdin, which has no size, and can be read once. */
export const STDIN = '-'

export interface SourceOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ReadProgress) => void
}

/** A file's text and its name without the ending of a compression. */
export interface SourceFile {
  readonly path: string
  readonly name: string
  /** Pieces of some ten kilobytes, cut between any two characters. */
  readonly text: AsyncIterable<string>
}

const CHUNK = 1 << 16

/**
 * Opens files of UTF-8 text, `-` for stdin, one after the other, those named `.br` and `.gz` decompressed.
 * @throws UserError, while it is read, for a file that cannot be read or decompressed, or is no UTF-8
 */
export async function* openSources(
  paths: readonly string[],
  { signal, onProgress }: SourceOptions,
): AsyncGenerator<SourceFile> {
  const sizes = await Promise.all(paths.map(sizeOf))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let received = 0
  for (const path of paths) {
    const count = (bytes: number) => {
      received += bytes
      onProgress?.({ file: path, received, total })
    }
    yield { path, name: path.replace(/\.(br|gz)$/i, ''), text: readText(path, count, signal) }
  }
}

async function sizeOf(path: string): Promise<number> {
  if (path === STDIN) return 0
  try {
    return (await stat(path)).size
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function* readText(
  path: string,
  count: (bytes: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes ? utf8.decode(bytes, { stream: true }) : utf8.decode()
    } catch (error) {
      throw usageError(`${path === STDIN ? 'stdin' : path} is not valid UTF-8: convert it first.`, {
        cause: error,
      })
    }
  }
  for await (const bytes of readBytes(path, count)) {
    signal?.throwIfAborted()
    const text = decode(bytes)
    if (text !== '') yield text
  }
  const rest = decode()
  if (rest !== '') yield rest
}

async function* readBytes(path: string, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const file = countedBytes(path, count)
  const decompress = decompressor(path)
  if (!decompress) {
    yield* file
    return
  }
  const source = Readable.from(file)
  // `pipe` does not pass errors on.
  source.on('error', (error) => decompress.destroy(error))
  try {
    yield* source.pipe(decompress)
  } catch (error) {
    if (error instanceof UserError) throw error
    const reason = (error as Error).message
    throw new UserError(`${path} cannot be decompressed: ${reason}. Is it whole?`, 1, { cause: error })
  } finally {
    source.destroy()
  }
}

async function* countedBytes(path: string, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  try {
    for await (const bytes of path === STDIN
      ? process.stdin
      : createReadStream(path, { highWaterMark: CHUNK })) {
      count(bytes.length)
      yield bytes
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function decompressor(path: string): Transform | undefined {
  if (/\.br$/i.test(path)) return createBrotliDecompress({ chunkSize: CHUNK })
  return /\.gz$/i.test(path) ? createGunzip({ chunkSize: CHUNK }) : undefined
}
