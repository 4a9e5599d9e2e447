import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { isTemporary, temporaryName } from '../files.js'
import type { Lock } from '../lock.js'
import { fileChunks, type Line, lines } from './lines.js'
import { type RowOutput, type Written, writeError, writeWhole } from './output.js'
import { recordPath } from './record-path.js'
import { ROW_START, type WrittenRow } from './result.js'
import { keyOf, type RowId } from './row.js'

/** Where a row lies in the file, in bytes, newline included. */
interface Span {
  readonly key: string
  readonly start: number
  readonly length: number
}

/**
 * A file to whose end rows are written. What is in it when it is opened was written by the same command before: a last line
 * that was cut off is taken away. Only `sort` and the removal of errors change what is there, and they put a new file in the
 * old one's place. So does a run that has the lock of one which may still live: what that one writes then goes nowhere.
 */
export class OutputFile implements RowOutput {
  readonly written = new Map<string, Written>()
  private spans: Span[] = []
  /** Bytes of its rows. */
  private end = 0
  private file = -1

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
  ) {}

  /**
   * @param path an existing file's, or of one to be made
   * @param retryErrors forgets the rows that have failed
   * @throws UserError, exit code 2, for a file that holds something else than such rows, 1 for one that cannot be written
   */
  static async open(
    path: string,
    { retryErrors, lock }: { retryErrors: boolean; lock: Lock },
  ): Promise<OutputFile> {
    const output = new OutputFile(path, lock)
    output.reopen()
    try {
      removeUnfinished(path)
      for await (const line of lines(fileChunks(path), Infinity)) output.enter(line)
      if (lock.mayHaveRival) output.rewrite(output.spans)
      if (retryErrors) output.forgetErrors()
    } catch (error) {
      output.close()
      throw error
    }
    return output
  }

  write({ key, error, seed, text }: WrittenRow): void {
    const bytes = Buffer.from(`${text}\n`)
    this.assertHeld()
    try {
      writeWhole(this.file, bytes)
    } catch (cause) {
      // Half a line is as good as none.
      ftruncateSync(this.file, this.end)
      throw writeError(this.path, cause)
    }
    this.written.set(key, { error, seed })
    this.spans.push({ key, start: this.end, length: bytes.length })
    this.end += bytes.length
  }

  sort(places: ReadonlyMap<string, number>): void {
    const place = ({ key }: Span) => places.get(key) ?? Number.POSITIVE_INFINITY
    const isSorted = this.spans.every((span, i) => i === 0 || place(this.spans[i - 1]) <= place(span))
    if (!isSorted) this.rewrite([...this.spans].sort((a, b) => place(a) - place(b)))
  }

  /** @throws UserError where the lock, or the file under its name, is another one by now */
  assertHeld(): void {
    this.lock.assertHeld()
    const named = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    const opened = fstatSync(this.file, { bigint: true })
    if (named?.ino === opened.ino && named.dev === opened.dev) return
    throw new UserError(
      `${this.path} has been ${named ? 'replaced' : 'removed'} while this run wrote to it: nothing more is written.`,
    )
  }

  close(): void {
    closeSync(this.file)
  }

  private reopen(): void {
    try {
      // Read too, since rows are copied when they are brought into order.
      this.file = openSync(this.path, 'a+')
    } catch (error) {
      throw writeError(this.path, error)
    }
  }

  /** Takes a line of an earlier run as one of this one's. */
  private enter(line: Line): void {
    const row = parse(line)
    if (!row) {
      if (line.isWhole || !isCutOff(line.bytes)) throw this.foreign(line.number)
      ftruncateSync(this.file, this.end)
      return
    }
    const key = keyOf(row)
    if (this.written.has(key)) {
      throw usageError(`${this.path} has the row ${key} twice, again in line ${line.number}: remove one.`)
    }
    if (!line.isWhole) this.endLine()
    this.written.set(key, { error: row.error === undefined ? undefined : String(row.error), seed: row.seed })
    const length = line.bytes.length + 1
    this.spans.push({ key, start: this.end, length })
    this.end += length
  }

  private endLine(): void {
    try {
      writeWhole(this.file, Buffer.from('\n'))
    } catch (error) {
      throw writeError(this.path, error)
    }
  }

  private foreign(line: number) {
    return usageError(
      `Line ${line} of ${this.path} was not written by this command: name another file to write to.`,
    )
  }

  private forgetErrors(): void {
    const failed = [...this.written].filter(([, { error }]) => error !== undefined).map(([key]) => key)
    if (failed.length === 0) return
    for (const key of failed) this.written.delete(key)
    this.rewrite(this.spans.filter(({ key }) => this.written.has(key)))
  }

  /** Puts a file with these rows in the place of the old one. */
  private rewrite(spans: readonly Span[]): void {
    const temporary = temporaryName(this.path)
    const moved: Span[] = []
    let end = 0
    try {
      const file = openSync(temporary, 'wx', fstatSync(this.file).mode)
      try {
        for (const { key, start, length } of spans) {
          const bytes = Buffer.allocUnsafe(length)
          readSync(this.file, bytes, 0, length, start)
          writeWhole(file, bytes)
          moved.push({ key, start: end, length })
          end += length
        }
      } finally {
        closeSync(file)
      }
      this.assertHeld()
      renameSync(temporary, this.path)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error instanceof UserError ? error : writeError(this.path, error)
    }
    closeSync(this.file)
    this.reopen()
    this.spans = moved
    this.end = end
  }
}

/** Removes what a run has left of the output or its record that was killed as it wrote it, or has lost the lock by now. */
function removeUnfinished(path: string): void {
  const directory = dirname(path)
  const written = [path, recordPath(path)].map((file) => basename(file))
  for (const name of readdirSync(directory)) {
    if (written.some((file) => isTemporary(name, file))) rmSync(join(directory, name), { force: true })
  }
}

interface OutputRow {
  readonly id: RowId | null
  readonly line: number
  readonly error?: unknown
  readonly seed?: number
}

function parse({ bytes }: Line): OutputRow | undefined {
  const text = bytes.toString()
  if (!text.startsWith(ROW_START)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether bytes may be the beginning of a row. */
function isCutOff(bytes: Buffer): boolean {
  const start = bytes.subarray(0, ROW_START.length).toString()
  return ROW_START.startsWith(start)
}
