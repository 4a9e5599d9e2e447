import { notFinite } from './checkpoint.js'
import { heldOutBatches, type TrainingData } from './data/training-data.js'
import type { MicroBatch } from './micro-batch.js'
import type { StepResult, Trainer } from './trainer.js'

export interface StepsOptions {
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
export async function takeSteps(options: StepsOptions): Promise<boolean> {
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
      await options.onHeldOut(
        step,
        await trainer.evaluate(heldOutBatches(options.heldOut, options.microBatch)),
      )
    }
    if (isLast || step % saveEvery === 0) await options.save()
  }
  return true
}

/** Which rows a step learns from follows from its number alone, so that a resumed run goes on with the same ones. */
class RowOrder {
  private epoch = -1
  private order: ArrayLike<number> = []

  constructor(private readonly options: StepsOptions) {}

  async batches(step: number): Promise<MicroBatch[]> {
    const { data, batchSize, microBatch } = this.options
    const first = (step - 1) * batchSize
    const rows = Array.from({ length: batchSize }, (_, i) => this.row(first + i))
    const batches: MicroBatch[] = []
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

function refuseNonFinite({ loss, gradientNorm }: StepResult, step: number): void {
  if (!Number.isFinite(loss)) throw notFinite(`The loss is ${loss}`, step)
  if (!Number.isFinite(gradientNorm)) throw notFinite(`The norm of the gradients is ${gradientNorm}`, step)
}
