import { closeSync, openSync, writeSync } from 'node:fs'
import { UserError } from '../errors.js'
import { systemReason } from '../files.js'
import type { WrittenRow } from './result.js'

/** What an output has of a row. */
export interface Written {
  /** Why it could not be served. */
  readonly error?: string
  /** Seed of a text that was drawn. */
  readonly seed?: number
}

/** Where rows are written, each line whole. */
export interface RowOutput {
  /** Rows that are there from an earlier run, by key. */
  readonly written: ReadonlyMap<string, Written>
  write(row: WrittenRow): void | Promise<void>
  /** Brings the rows into an order, where they are not in it. @param places by key */
  sort(places: ReadonlyMap<string, number>): void
  close(): void
}

/**
 * An output that cannot be read again: a pipe, a device.
 * @throws UserError where it cannot be written
 */
export function openStream(path: string): RowOutput {
  const file = opened(path)
  return {
    written: new Map(),
    write({ text }) {
      try {
        writeWhole(file, Buffer.from(`${text}\n`))
      } catch (error) {
        throw writeError(path, error)
      }
    },
    sort() {},
    close: () => closeSync(file),
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'a')
  } catch (error) {
    throw writeError(path, error)
  }
}

/** Writes bytes to the end of a file, however many of them the system takes at a time. */
export function writeWhole(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

export function writeError(path: string, error: unknown): UserError {
  return new UserError(
    `${path} cannot be written (${systemReason(error)}): mend that, and the same command goes on where it was.`,
    1,
    { cause: error },
  )
}
