import { join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { makeDirectory, systemReason, writeFileWhole } from '../files.js'
import { LockHeld, withLock } from '../lock.js'
import type { DecoderSpec } from '../models/spec.js'
import type { SessionOptions } from '../runtime/session.js'
import type { Weights } from '../weights/index.js'
import {
  checkpointsOf,
  type RunSettings,
  readCheckpoint,
  refuseOtherSettings,
  requireParameters,
  saveCheckpoint,
  tidyUp,
} from './checkpoint.js'
import type { HeldOutData, TrainingData } from './data/training-data.js'
import { type HeldOutEntry, lossCurve, type StepEntry, TrainingLog } from './log.js'
import type { SaveDtype } from './model-files.js'
import type { BuildObjective, Objective } from './objective.js'
import type { AdamWSettings } from './optimiser.js'
import { shuffledRows } from './shuffle.js'
import { takeSteps } from './take-steps.js'
import { type StepResult, Trainer } from './trainer.js'

/** What a kind of training adds to the rest. */
export interface TrainingPart {
  /** What decides the result beside the flags that all kinds share. */
  readonly settings: RunSettings
  readonly build: BuildObjective
  readonly weights: Weights
  /** The model among the weights whose states the objective is given; it is not trained. */
  readonly frozen?: DecoderSpec
  readonly rateOf?: (name: string) => number | undefined
  /** Writes what is trained, as it is now, into a directory. */
  readonly writeModel: (directory: string, dtype: SaveDtype) => Promise<void>
}

/** What is trained, where that depends on the text to learn from. */
export type PartOf = (data: TrainingData) => TrainingPart | Promise<TrainingPart>

export interface TrainOptions extends SessionOptions {
  /** Directory of checkpoints, log, curve and the trained model. */
  readonly output: string
  /** What decides the result, to be the same where the run is resumed. */
  readonly settings: RunSettings
  readonly resume: boolean
  readonly build: BuildObjective
  /** All weights of the objective; those that are trained change. */
  readonly weights: Weights
  /** The factor of the learning rate for a parameter; undefined where it is frozen. */
  readonly rateOf?: (name: string) => number | undefined
  readonly data: TrainingData
  readonly heldOut: HeldOutData
  /** Tokens of a row. */
  readonly sequenceLength: number
  /** Rows of a step. */
  readonly batchSize: number
  /** Rows that are run at once. */
  readonly microBatch: number
  readonly steps: number
  readonly optimiser: AdamWSettings
  readonly seed: number
  readonly evaluateEvery: number
  readonly saveEvery: number
  /** Checkpoints that are kept. */
  readonly keep: number
  readonly signal: AbortSignal
  /** Writes the model as it is now into a directory. */
  readonly writeModel: (directory: string) => Promise<void>
  readonly onStep?: (entry: StepEntry) => void
  readonly onHeldOut?: (entry: HeldOutEntry) => void
}

export interface TrainResult {
  readonly step: number
  /** Whether all steps were taken; otherwise the run was interrupted, and can be resumed. */
  readonly finished: boolean
  /** Where the model lies: the output directory, or the checkpoint of an interrupted run. */
  readonly model: string
  readonly last: StepEntry | undefined
  readonly heldOut: HeldOutEntry | undefined
}

/**
 * Trains, or goes on with training, and leaves a model, `log.jsonl`, `loss.svg` and checkpoints in a directory, which is
 * locked meanwhile.
 * @throws UserError for an output directory with another run in it, a run that cannot be resumed, a loss that is not a
 *   number, and files that cannot be written
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { output, signal } = options
  await checkpointToResume(options)
  await makeDirectory(output).catch((error) => {
    throw new UserError(`Cannot make ${output}: ${systemReason(error)}.`, 1, { cause: error })
  })
  const lock = join(output, LOCK)
  try {
    return await withLock(lock, () => trainLocked(options), { signal, refuse: true })
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error
    throw usageError(
      `${output} is being trained into by another run (it holds ${lock}): wait for its end, or give another --output.`,
    )
  }
}

async function trainLocked(options: TrainOptions): Promise<TrainResult> {
  const { output, sequenceLength: length, microBatch: batch } = options
  const newest = await checkpointToResume(options)
  await tidyUp(output)
  const trainer = await Trainer.create(options.build, { ...options, shape: { batch, length } })
  try {
    const step = newest === undefined ? undefined : await restore(trainer, newest, options)
    return await runLogged(trainer, step, options)
  } finally {
    await trainer.dispose()
  }
}

async function runLogged(
  trainer: Trainer,
  resumeAtStep: number | undefined,
  options: TrainOptions,
): Promise<TrainResult> {
  const { output } = options
  const log = await TrainingLog.open(join(output, LOG), { resumeAtStep })
  try {
    const records = await Records.open(log, trainer.objective, options, resumeAtStep ?? 0)
    const finished = await takeSteps({
      ...options,
      trainer,
      order: (epoch) => shuffledRows(options.data.rows, options.seed, epoch),
      onStep: (step, result) => records.step(step, result),
      onHeldOut: (step, figures) => records.heldOut(step, figures),
      save: () => save(trainer, options),
    })
    if (finished) await options.writeModel(output)
    const step = trainer.state().step
    const model = finished ? output : join(output, `checkpoint-${step}`)
    return { step, finished, model, last: records.last, heldOut: records.lastHeldOut }
  } finally {
    await log.close()
  }
}

const LOG = 'log.jsonl'
/** Held by the run that trains into a directory. */
const LOCK = 'train.lock'

/** The newest checkpoint of a run that is resumed. @throws UserError, exit code 2, where there is none, or should be none */
async function checkpointToResume({ output, resume }: TrainOptions): Promise<string | undefined> {
  const [newest] = await checkpointsOf(output)
  if (!resume && newest) {
    throw usageError(`${output} holds a run already: go on with it by --resume, or give another --output.`)
  }
  if (resume && !newest) {
    throw usageError(`${output} has no checkpoint to resume from: leave --resume out.`)
  }
  return newest
}

/** Puts weights and trainer where a checkpoint left them. @returns its step */
async function restore(trainer: Trainer, path: string, { settings, weights }: TrainOptions): Promise<number> {
  const checkpoint = await readCheckpoint(path)
  refuseOtherSettings(checkpoint.settings, settings, path)
  requireParameters(checkpoint, trainer.state(), path)
  for (const [name, values] of checkpoint.weights) weights.get(name)!.set(values)
  trainer.restore(checkpoint.state)
  return checkpoint.state.step
}

async function save(trainer: Trainer, { output, settings, weights, keep, writeModel }: TrainOptions) {
  const state = trainer.state()
  const trained = new Map([...state.means.keys()].map((name) => [name, weights.get(name)!]))
  await saveCheckpoint(output, { weights: trained, state, settings }, keep, writeModel)
  const entries = await TrainingLog.read(join(output, LOG))
  if (entries.some((entry) => 'loss' in entry))
    await writeFileWhole(join(output, 'loss.svg'), lossCurve(entries, { over: trainer.objective.mean.over }))
}

/** Times and counts what is trained, for the log and whoever watches. */
class Records {
  last: StepEntry | undefined
  lastHeldOut: HeldOutEntry | undefined
  private readonly tokensPerStep: number
  private stepStarted = performance.now()

  private constructor(
    private readonly log: TrainingLog,
    private readonly objective: Pick<Objective, 'textLoss'>,
    private readonly options: TrainOptions,
    /** Seconds of training before this run was resumed. */
    private seconds: number,
  ) {
    this.tokensPerStep = options.batchSize * options.sequenceLength
  }

  static async open(
    log: TrainingLog,
    objective: Pick<Objective, 'textLoss'>,
    options: TrainOptions,
    step: number,
  ): Promise<Records> {
    const entries = step === 0 ? [] : await TrainingLog.read(join(options.output, LOG))
    const last = entries.findLast((entry): entry is StepEntry => 'loss' in entry)
    return new Records(log, objective, options, last?.seconds ?? 0)
  }

  async step(step: number, { loss, gradientNorm, learningRate }: StepResult): Promise<void> {
    const now = performance.now()
    const elapsed = (now - this.stepStarted) / 1000
    this.stepStarted = now
    this.seconds += elapsed
    this.last = {
      step,
      loss,
      learning_rate: learningRate,
      gradient_norm: gradientNorm,
      tokens: step * this.tokensPerStep,
      tokens_per_second: this.tokensPerStep / elapsed,
      seconds: this.seconds,
    }
    await this.log.append(this.last)
    this.options.onStep?.(this.last)
  }

  async heldOut(step: number, all: Readonly<Record<string, number>>): Promise<void> {
    const { loss, ...figures } = all
    const { textLoss } = this.objective
    const bits = textLoss && { bits_per_byte: all[textLoss] / Math.LN2 / this.options.heldOut.bytesPerToken }
    this.lastHeldOut = { step, held_out_loss: loss, ...bits, ...figures }
    await this.log.append(this.lastHeldOut)
    this.options.onHeldOut?.(this.lastHeldOut)
    // The evaluation is no part of the next step's time.
    this.stepStarted = performance.now()
  }
}
