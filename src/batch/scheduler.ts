import { DeviceLost, UserError } from '../errors.js'
import type { Engine } from './engine.js'
import type { Request } from './request.js'
import { errorRow, resultRow, type WrittenRow } from './result.js'
import { type BadRow, isBad, type Row } from './row.js'

/** Rows that are read before their turn: prompts of like length are found among them, and beginnings in common. */
const LOOKAHEAD = 64
/** Rows that are read, and perhaps done, while an earlier one is not written yet, at most. */
const MOST_HELD = 1024

export interface SchedulerOptions {
  /** Prompts that are decoded at a time. */
  readonly maxBatch: number
  /** Tokens that they may come to have together. */
  readonly maxTokensInFlight?: number
  /** Whether rows are written in the order of the input, or as they are done. */
  readonly order: 'input' | 'done'
  /** Ends the batch; rows in flight are not written. */
  readonly signal?: AbortSignal
  /** Called after each pass. */
  readonly onProgress?: (progress: Progress) => void
}

/** What has been done so far. */
export interface Progress {
  readonly rows: number
  /** Of these, those with an error. */
  readonly failed: number
  readonly promptTokens: number
  /** With those of rows in flight. */
  readonly generatedTokens: number
}

export const NOTHING_DONE: Progress = { rows: 0, failed: 0, promptTokens: 0, generatedTokens: 0 }

/** A row that is ready, and its place among all that are to be done. */
interface Ready {
  readonly place: number
  readonly request: Request
}

/** Serves rows: the place of one that is done goes to the one that has waited longest. */
export class Scheduler {
  private readonly waiting: Ready[] = []
  private readonly inFlight = new Set<Ready>()
  /** By place; the first to be done comes first. */
  private readonly done = new Map<number, WrittenRow>()
  private places = 0
  /** The place that is written next where they are written in order. */
  private next = 0
  private reading: Promise<void> | undefined
  private hasEnded = false
  private lost: DeviceLost | undefined
  private readonly progress = { ...NOTHING_DONE }

  /** @param prepare makes a row ready; what it throws is the row's error */
  constructor(
    private readonly engine: Engine,
    private readonly rows: AsyncIterator<Row | BadRow>,
    private readonly prepare: (row: Row) => Request,
    private readonly write: (row: WrittenRow) => void | Promise<void>,
    private readonly options: SchedulerOptions,
  ) {}

  /** @throws what reading or writing throws, and DeviceLost: the rows that it cut off are not written, and can be served later */
  async run(): Promise<Progress> {
    try {
      while (!this.options.signal?.aborted) {
        await this.engine.ready()
        await this.writeDone()
        if (this.lost) throw this.lost
        this.options.onProgress?.(this.progress)
        await this.read()
        // Who has just come takes part in the next pass.
        if (this.admit()) continue
        if (this.inFlight.size > 0) await this.engine.pass()
        else if (this.hasEnded && this.done.size === 0) break
      }
      return this.progress
    } finally {
      // Not waited for: a stream may have nothing to say.
      void this.rows.return?.()
      await this.engine.close()
    }
  }

  /** Reads ahead as far as rows are there; waits for one only where there is nothing else to do. */
  private async read(): Promise<void> {
    for (let count = 0; count < LOOKAHEAD && this.waiting.length < LOOKAHEAD; count++) {
      const isFarAhead = this.options.order === 'input' && this.places - this.next >= MOST_HELD
      if (this.hasEnded || isFarAhead) return
      if (!this.reading) {
        this.reading = this.readRow()
        // Told when it is waited for.
        this.reading.catch(() => {})
      }
      const isIdle = this.waiting.length + this.inFlight.size + this.done.size === 0
      const { signal } = this.options
      const patience = isIdle ? aborted(signal) : new Promise((resolve) => setImmediate(resolve))
      const hasCome = await Promise.race([this.reading.then(() => true), patience.then(() => false)])
      if (!hasCome) return
    }
  }

  private async readRow(): Promise<void> {
    const { value: row, done } = await this.rows.next()
    this.reading = undefined
    if (done) {
      this.hasEnded = true
      return
    }
    const place = this.places++
    if (isBad(row)) {
      this.done.set(place, errorRow(row))
      return
    }
    try {
      this.waiting.push({ place, request: this.prepare(row) })
    } catch (error) {
      this.done.set(place, failedRow(row, error))
    }
  }

  /** Fills free places with the row that has waited longest, and with those whose prompts are most like its own in length. */
  private admit(): boolean {
    const free = this.options.maxBatch - this.inFlight.size
    const [oldest, ...others] = this.waiting
    if (free < 1 || !oldest) return false
    const lengthOf = ({ request }: Ready) => request.ids.length
    const distance = (row: Ready) => Math.abs(lengthOf(row) - lengthOf(oldest))
    const group = [oldest, ...others.sort((a, b) => distance(a) - distance(b))].slice(0, free)
    const count = group.findIndex((_, i) => !this.hasRoomFor(group.slice(0, i + 1)))
    const admitted = count < 0 ? group : group.slice(0, count)
    for (const row of admitted) void this.serve(row)
    return admitted.length > 0
  }

  private hasRoomFor(group: readonly Ready[]): boolean {
    const { maxTokensInFlight = Infinity } = this.options
    const tokens = [...this.inFlight, ...group].reduce((sum, { request }) => sum + request.tokens, 0)
    return tokens <= maxTokensInFlight
  }

  private async serve(row: Ready): Promise<void> {
    this.waiting.splice(this.waiting.indexOf(row), 1)
    this.inFlight.add(row)
    const waiting = this.waiting.map(({ request }) => request)
    const { request, place } = row
    try {
      const result = await this.engine.decode(request, waiting, (count) => {
        this.progress.generatedTokens += count
      })
      this.progress.promptTokens += result.statistics.prompt_tokens
      this.done.set(place, resultRow(request.row, result))
    } catch (error) {
      if (error instanceof DeviceLost) this.lost = error
      else this.done.set(place, failedRow(request.row, error))
    }
    this.inFlight.delete(row)
  }

  private async writeDone(): Promise<void> {
    for (const place of this.writable()) {
      const row = this.done.get(place)!
      this.done.delete(place)
      this.next++
      this.progress.rows++
      if (row.error !== undefined) this.progress.failed++
      await this.write(row)
    }
  }

  private *writable(): Generator<number> {
    if (this.options.order === 'done') yield* [...this.done.keys()]
    else while (this.done.has(this.next)) yield this.next
  }
}

function failedRow({ line, id, passed }: Row, error: unknown): WrittenRow {
  const { message } = error as Error
  return errorRow({
    line,
    id,
    passed,
    error: error instanceof UserError ? message : `Unexpected: ${message}.`,
  })
}

/** Never ends without a signal. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve()
    signal?.addEventListener('abort', () => resolve(), { once: true })
  })
}
