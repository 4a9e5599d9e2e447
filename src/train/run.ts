import type { Batch } from './batch.js'
import { notFinite } from './checkpoint.js'
import type { StepResult, Trainer } from './trainer.js'

/** Rows of tokens that can be read in any order. */
export interface TrainingData {
  /** How many there are. */
  readonly rows: number
  /** @param rows their indices, from 0 */
  read(rows: readonly number[]): Promise<Batch>
}

export interface RunOptions {
  readonly trainer: Trainer
  readonly data: TrainingData
  readonly heldOut: TrainingData
  /** The rows of an epoch in the order in which they are learnt. */
  readonly order: (epoch: number) => ArrayLike<number>
  readonly steps: number
  /** Rows of a step, a multiple of `microBatch`. */
  readonly batchSize: number
  /** Rows that are run at once. */
  readonly microBatch: number
  /** Steps between evaluations on the held-out rows; there is one after the last step, too. */
  readonly evaluateEvery: number
  readonly saveEvery: number
  readonly signal: AbortSignal
  readonly onStep: (step: number, result: StepResult) => Promise<void>
  readonly onHeldOut: (step: number, figures: Readonly<Record<string, number>>) => Promise<void>
  readonly save: () => Promise<void>
}

/**
 * Takes the steps that are left, and saves now and then, at the end, and where the signal aborts.
 * @returns whether all steps were taken
 * @throws UserError for a loss that is not a number, which leaves the last checkpoint as it is
 */
export async function run(options: RunOptions): Promise<boolean> {
  const { trainer, steps, evaluateEvery, saveEvery, signal } = options
  const rows = new RowOrder(options)
  for (let step = trainer.state().step + 1; step <= steps; step++) {
    if (signal.aborted) {
      await options.save()
      return false
    }
    const result = await trainer.step(await rows.batches(step))
    refuseNonFinite(result, step)
    await options.onStep(step, result)
    const isLast = step === steps
    if (isLast || step % evaluateEvery === 0) {
      await options.onHeldOut(step, await trainer.evaluate(heldOutBatches(options)))
    }
    if (isLast || step % saveEvery === 0) await options.save()
  }
  return true
}

/** Which rows a step learns from follows from its number alone, so that a resumed run goes on with the same ones. */
class RowOrder {
  private epoch = -1
  private order: ArrayLike<number> = []

  constructor(private readonly options: RunOptions) {}

  async batches(step: number): Promise<Batch[]> {
    const { data, batchSize, microBatch } = this.options
    const first = (step - 1) * batchSize
    const rows = Array.from({ length: batchSize }, (_, i) => this.row(first + i))
    const batches: Batch[] = []
    for (let from = 0; from < batchSize; from += microBatch) {
      batches.push(await data.read(rows.slice(from, from + microBatch)))
    }
    return batches
  }

  private row(index: number): number {
    const { data, order } = this.options
    const epoch = Math.floor(index / data.rows)
    if (epoch !== this.epoch) {
      this.epoch = epoch
      this.order = order(epoch)
    }
    return this.order[index % data.rows]
  }
}

/** All held-out rows; the last micro-batch is filled up with rows that do not count. */
export async function* heldOutBatches({
  heldOut,
  microBatch,
}: Pick<RunOptions, 'heldOut' | 'microBatch'>): AsyncGenerator<Batch> {
  for (let from = 0; from < heldOut.rows; from += microBatch) {
    const wanted = Math.min(microBatch, heldOut.rows - from)
    const batch = await heldOut.read(
      Array.from({ length: microBatch }, (_, i) => from + (i < wanted ? i : 0)),
    )
    batch.weights.fill(0, wanted * batch.length)
    yield batch
  }
}

function refuseNonFinite({ loss, gradientNorm }: StepResult, step: number): void {
  if (!Number.isFinite(loss)) throw notFinite(`The loss is ${loss}`, step)
  if (!Number.isFinite(gradientNorm)) throw notFinite(`The norm of the gradients is ${gradientNorm}`, step)
}
