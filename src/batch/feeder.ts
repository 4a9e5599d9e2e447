import { type Engine, LOOKAHEAD } from '../engine/engine.js'
import type { ValidatedResult } from '../engine/validated.js'
import { DeviceLost, UserError } from '../errors.js'
import type { Generation } from '../generation/generate.js'
import type { GenerationResult } from '../generation/options.js'
import { errorRow, resultRow, type WrittenRow } from './result.js'
import { type BadRow, isBad, type Row } from './row.js'

/** Rows that are read, and perhaps done, while an earlier one is not written yet, at most. */
const MOST_HELD = 1024

export interface FeederOptions {
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

/** Feeds an engine with rows between its passes, as far ahead as it looks, and writes those that are done. */
export class Feeder {
  /** @throws what reading or writing throws, and DeviceLost: the rows that it cut off are not written, and can be served later */
  readonly finished: Promise<Progress>
  private finish!: () => void
  private fail!: (error: unknown) => void
  private isFinished = false
  /** Rows that the engine has. */
  private served = 0
  /** By place among all rows; the first to be done comes first. */
  private readonly done = new Map<number, WrittenRow>()
  private places = 0
  /** The place that is written next where they are written in order. */
  private next = 0
  private reading: Promise<void> | undefined
  private hasEnded = false
  private lost: DeviceLost | undefined
  private readonly progress = { ...NOTHING_DONE }

  /** @param submit gives a row to the engine; what it throws is the row's error */
  constructor(
    private readonly rows: AsyncIterator<Row | BadRow>,
    private readonly submit: (row: Row, engine: Engine) => Generation,
    private readonly write: (row: WrittenRow) => void | Promise<void>,
    private readonly options: FeederOptions,
  ) {
    this.finished = new Promise((resolve, reject) => {
      this.finish = () => resolve(this.progress)
      this.fail = reject
    })
  }

  /** The engine's turn: writes, reads ahead and submits; waits for rows while the engine has none. */
  async turn(engine: Engine): Promise<void> {
    const { signal, onProgress } = this.options
    if (this.isFinished) return
    try {
      do {
        await this.writeDone()
        if (this.lost) throw this.lost
        onProgress?.(this.progress)
        if (!signal?.aborted) await this.read(engine)
        this.isFinished = signal?.aborted || (this.hasEnded && this.isIdle)
      } while (this.served === 0 && !this.isFinished)
      if (this.isFinished) this.finish()
    } catch (error) {
      this.isFinished = true
      this.fail(error)
    }
  }

  /** Reads no more. Not waited for: a stream may have nothing to say. */
  close(): void {
    void this.rows.return?.()
  }

  private get isIdle(): boolean {
    return this.served === 0 && this.done.size === 0
  }

  /** Reads ahead as far as rows are there; waits for one only where there is nothing else to do. */
  private async read(engine: Engine): Promise<void> {
    for (let count = 0; count < LOOKAHEAD && engine.queued < LOOKAHEAD; count++) {
      const isFarAhead = this.options.order === 'input' && this.places - this.next >= MOST_HELD
      if (this.hasEnded || isFarAhead) return
      if (!this.reading) {
        this.reading = this.readRow(engine)
        // Told when it is waited for.
        this.reading.catch(() => {})
      }
      const patience = this.isIdle
        ? aborted(this.options.signal)
        : new Promise((resolve) => setImmediate(resolve))
      const hasCome = await Promise.race([this.reading.then(() => true), patience.then(() => false)])
      if (!hasCome) return
    }
  }

  private async readRow(engine: Engine): Promise<void> {
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
      // What was judged after its end leaves the engine with nothing to decode.
      void this.serve(place, row, this.submit(row, engine)).finally(() => engine.nudge())
    } catch (error) {
      this.done.set(place, failedRow(row, error))
    }
  }

  private async serve(place: number, row: Row, generation: Generation): Promise<void> {
    this.served++
    try {
      for await (const { ids } of generation) this.progress.generatedTokens += ids.length
      const result: GenerationResult & Partial<ValidatedResult> = await generation.result()
      this.progress.promptTokens += result.statistics.prompt_tokens
      this.done.set(place, resultRow(row, result))
    } catch (error) {
      if (error instanceof DeviceLost) this.lost = error
      else this.done.set(place, failedRow(row, error))
    }
    this.served--
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
