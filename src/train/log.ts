import { type FileHandle, open } from 'node:fs/promises'
import { UserError } from '../errors.js'
import { readText, readTextIfThere, unwritable, writeFileWhole } from '../files.js'
import { isJsonObject } from '../json.js'
import { lineChart } from '../report/chart.js'

/** Bytes of a log that are read at most: those of some million steps. */
const MOST = 500_000_000

/** What a step of the optimiser did. */
export interface StepEntry {
  /** Steps done, this one included. */
  readonly step: number
  /** Mean over the step's tokens, or what else the objective says, nats. */
  readonly loss: number
  readonly learning_rate: number
  /** Global norm before clipping. */
  readonly gradient_norm: number
  /** Tokens trained on since the first step. */
  readonly tokens: number
  readonly tokens_per_second: number
  /** Time spent training since the first step. */
  readonly seconds: number
}

/** How the model did on held-out text after a step. */
export interface HeldOutEntry {
  readonly step: number
  /** Nats, the same mean. */
  readonly held_out_loss: number
  readonly bits_per_byte?: number
  /** Further figures, such as accuracies by position. */
  readonly [figure: string]: number | readonly number[] | undefined
}

export type LogEntry = StepEntry | HeldOutEntry

/** A log of training as JSON Lines, an entry a line; a number that is not finite is written as null. */
export class TrainingLog {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * Begins a log, or goes on with one.
   * @param resumeAtStep steps that the resumed run has done: entries of later steps, which it takes again, are cut
   *   off; undefined begins a new log in place of one that is there
   * @throws UserError for a file that cannot be written, or of which a line is no entry
   */
  static async open(path: string, { resumeAtStep }: { resumeAtStep?: number } = {}): Promise<TrainingLog> {
    const entries = resumeAtStep === undefined ? [] : await TrainingLog.read(path, { optional: true })
    const kept = entries.filter(({ step }) => step <= resumeAtStep!)
    await writeFileWhole(path, kept.map(lineOf).join(''))
    try {
      return new TrainingLog(path, await open(path, 'a'))
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** @throws UserError for a log that cannot be written (a full disk) */
  async append(entry: LogEntry): Promise<void> {
    try {
      await this.handle.appendFile(lineOf(entry))
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  /**
   * The entries of a log; null reads as NaN. A last line that is torn, as a killed process leaves it, is dropped.
   * @param optional whether a file that is not there counts as an empty log
   * @throws UserError for a file that cannot be read, or of which a line before the last is no entry
   */
  static async read(path: string, { optional = false } = {}): Promise<LogEntry[]> {
    const text = optional ? await readTextIfThere(path, MOST) : await readText(path, MOST)
    const lines = (text ?? '').split('\n')
    const last = lines.findLastIndex((line) => line.trim() !== '')
    return lines.flatMap((line, i) => {
      const entry = entryOf(line)
      if (entry) return [entry]
      if (i >= last || line.trim() === '') return []
      throw new UserError(
        `${path}, line ${i + 1}, is no entry of a training log: mend the line, or remove the file.`,
      )
    })
  }
}

function lineOf(entry: LogEntry): string {
  return `${JSON.stringify(entry)}\n`
}

function entryOf(line: string): LogEntry | undefined {
  try {
    const entry: unknown = JSON.parse(line, (_, value) => (value === null ? Number.NaN : value))
    return isEntry(entry) ? entry : undefined
  } catch {
    return undefined
  }
}

/** Whether a value has a step, one of the losses, and nothing but numbers. */
function isEntry(value: unknown): value is LogEntry {
  if (!isJsonObject(value) || !Number.isInteger(value.step) || Number(value.step) < 0) return false
  const isFigure = (figure: unknown) => typeof figure === 'number' || Array.isArray(figure)
  return ('loss' in value || 'held_out_loss' in value) && Object.values(value).every(isFigure)
}

/** Over so many parts of a run the loss of its steps is averaged, which varies from one to the next. */
const PARTS = 100

/**
 * Loss on the training text and on held-out text, and below them the learning rate, by step, as an SVG document.
 * @param over what losses are means over
 * @throws UserError for a log without a step whose loss is finite
 */
export function lossCurve(entries: readonly LogEntry[], { title = 'Training', over = 'token' } = {}): string {
  const steps = entries.filter((entry): entry is StepEntry => 'loss' in entry)
  const heldOut = entries.filter((entry): entry is HeldOutEntry => 'held_out_loss' in entry)
  const training = steps.map(({ step, loss }) => ({ x: step, y: loss }))
  const evaluated = heldOut.map(({ step, held_out_loss }) => ({ x: step, y: held_out_loss }))
  const rates = steps.map(({ step, learning_rate }) => ({ x: step, y: learning_rate }))
  const span = Math.floor(steps.length / PARTS)
  const losses = [
    { name: 'training loss', points: training, pale: span > 1 },
    ...(span > 1 ? [{ name: `mean of ${span} steps`, points: means(training, span) }] : []),
    { name: 'held-out loss', points: evaluated },
  ]
  return lineChart({
    title,
    xLabel: 'step',
    panels: [
      {
        yLabel: `loss (nats per ${over})`,
        series: losses.filter(({ name, points }) => name === 'training loss' || hasFinite(points)),
      },
      { yLabel: 'learning rate', series: [{ name: 'learning rate', points: rates }] },
    ],
  })
}

type Points = readonly { readonly x: number; readonly y: number }[]

function hasFinite(points: Points): boolean {
  return points.some(({ y }) => Number.isFinite(y))
}

/** The mean of every `span` finite points, at the middle of them. */
function means(points: Points, span: number): Points {
  const finite = points.filter(({ y }) => Number.isFinite(y))
  return Array.from({ length: Math.floor(finite.length / span) }, (_, i) => {
    const part = finite.slice(i * span, (i + 1) * span)
    const mean = (of: (point: Points[number]) => number) =>
      part.reduce((sum, point) => sum + of(point), 0) / span
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) }
  })
}
