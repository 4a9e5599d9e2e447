import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { UserError, usageError } from '../../errors.js'
import { MOST_TEXT, STDIO, unreadable } from '../../files.js'

/** Bytes over all files, as they lie on the disk. */
export interface ReadProgress {
  readonly file: string
  readonly received: number
  readonly total: number
}

export interface SourceOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ReadProgress) => void
  /** Bytes of a pipe or a device, which says no size, that are read at most. */
  readonly mostOfPipe?: number
}

/** A file's text and its name without the ending of a compression. */
export interface SourceFile {
  readonly path: string
  readonly name: string
  /** Pieces of some ten kilobytes, cut between any two characters. */
  readonly text: AsyncIterable<string>
}

const CHUNK = 1 << 16
/** A file that opens to this many times its size is no text, but made to fill memory and disks. */
const MOST_RATIO = 250
/** Bytes that may open from however few. */
const FREE = 16 * 2 ** 20

/**
 * Opens files of UTF-8 text, `-` for stdin, one after the other, those named `.br` and `.gz` decompressed.
 * @throws UserError, while it is read, for a file that cannot be read or decompressed, or is no UTF-8
 */
export async function* openSources(
  paths: readonly string[],
  { signal, onProgress, mostOfPipe = MOST_TEXT }: SourceOptions,
): AsyncGenerator<SourceFile> {
  const sizes = await Promise.all(paths.map(sizeOf))
  const total = sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)
  let before = 0
  for (const [i, path] of paths.entries()) {
    let received = 0
    const count = (bytes: number) => {
      received += bytes
      onProgress?.({ file: path, received: before + received, total })
      if (sizes[i] === undefined && received > mostOfPipe) {
        throw usageError(
          `${sourceName(path)} is a pipe or a device, of which ${mostOfPipe} bytes are read at most: give a file.`,
        )
      }
    }
    yield { path, name: path.replace(/\.(br|gz)$/i, ''), text: readText(path, count, signal) }
    before += received
  }
}

/** What messages call a source. */
export function sourceName(path: string): string {
  return path === STDIO ? 'stdin' : path
}

/** Undefined for stdin, a pipe or a device. */
async function sizeOf(path: string): Promise<number | undefined> {
  if (path === STDIO) return undefined
  try {
    const found = await stat(path)
    return found.isFile() || found.isDirectory() ? found.size : undefined
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
      throw usageError(`${sourceName(path)} is not valid UTF-8: convert it first.`, {
        cause: error,
      })
    }
  }
  for await (const bytes of readBytes(path, count)) {
    signal?.throwIfAborted()
    const text = decode(bytes)
    if (text.includes('\0'))
      throw usageError(`${sourceName(path)} holds zero bytes, as no text does: give a file of text.`)
    if (text !== '') yield text
  }
  const rest = decode()
  if (rest !== '') yield rest
}

async function* readBytes(path: string, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let received = 0
  const file = countedBytes(path, (bytes) => {
    received += bytes
    count(bytes)
  })
  const decompress = decompressor(path)
  if (!decompress) {
    yield* file
    return
  }
  const source = Readable.from(file)
  // `pipe` does not pass errors on.
  source.on('error', (error) => decompress.destroy(error))
  try {
    let opened = 0
    for await (const bytes of source.pipe(decompress)) {
      opened += bytes.length
      if (opened > FREE + MOST_RATIO * received) {
        throw usageError(
          `${path} opens to more than ${MOST_RATIO} times its size, as no text does: give another file.`,
        )
      }
      yield bytes
    }
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
    for await (const bytes of path === STDIO
      ? process.stdin
      : createReadStream(path, { highWaterMark: CHUNK })) {
      count(bytes.length)
      yield bytes
    }
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(path, error)
  }
}

function decompressor(path: string): Transform | undefined {
  if (/\.br$/i.test(path)) return createBrotliDecompress({ chunkSize: CHUNK })
  return /\.gz$/i.test(path) ? createGunzip({ chunkSize: CHUNK }) : undefined
}
