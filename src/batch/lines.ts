import { closeSync, openSync, readSync } from 'node:fs'
import { usageError } from '../errors.js'
import { MOST_TEXT, unreadable } from '../files.js'

/** A line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number
  /** Without the newline. */
  readonly bytes: Buffer
  /** Whether a newline ends it: the last one may have none. */
  readonly isWhole: boolean
}

const NEWLINE = 0x0a
const CHUNK = 2 ** 20

/**
 * The bytes of a file, read as they are asked for.
 * @throws UserError for a file that cannot be read
 */
export function* fileChunks(path: string): Generator<Buffer> {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const length = readSync(file, chunk)
      if (length === 0) return
      yield chunk.subarray(0, length)
    }
  } catch (error) {
    throw unreadable(path, error)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * Lines, of which one at a time is held.
 * @param most bytes of one that has no end yet: a device has none
 * @throws UserError, exit code 2, for a longer one
 */
export async function* lines(
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
  most = MOST_TEXT,
): AsyncGenerator<Line> {
  let number = 1
  let begun: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      begun.push(chunk.subarray(start, end))
      yield { number: number++, bytes: joined(begun), isWhole: true }
      begun = []
      length = 0
      start = end + 1
    }
    if (start === chunk.length) continue
    begun.push(chunk.subarray(start))
    length += chunk.length - start
    if (length > most) {
      throw usageError(
        `Line ${number} is longer than ${most.toLocaleString('en')} bytes: cut it into several.`,
      )
    }
  }
  if (begun.length > 0) yield { number, bytes: joined(begun), isWhole: false }
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}
