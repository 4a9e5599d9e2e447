import { usageError } from '../../errors.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import type { RunSettings } from '../../train/checkpoint.js'
import { sampleRows, splitTail } from '../../train/data/rows.js'
import { FrozenStates } from '../../train/data/states.js'
import type { HeldOutData, TrainingData } from '../../train/data/training-data.js'
import type { HeldOutEntry } from '../../train/log.js'
import { chooseMicroBatch } from '../../train/micro-batch-size.js'
import { SAVE_DTYPES } from '../../train/model-files.js'
import type { AdamWSettings, Schedule } from '../../train/optimiser.js'
import {
  type PartOf,
  type TrainingPart,
  type TrainOptions,
  type TrainResult,
  train,
} from '../../train/train.js'
import { trainingDisplay } from '../../ui/training-progress.js'
import { BaseCommand } from '../base-command.js'
import { openRows } from './packed-data.js'

/** The model whose text is learnt, or learnt from. */
export interface TextModel {
  readonly tokenizer: Tokenizer
  /** The longest row that it is meant for. */
  readonly maxPositions: number
}

/** The flags that all kinds of training share. */
export interface TrainFlags {
  readonly 'held-out'?: string
  readonly 'held-out-rows': number
  readonly separator?: string
  readonly 'sequence-length': number
  readonly 'learning-rate': number
  readonly 'lr-scheduler-type': string
  readonly 'warmup-steps': number
  readonly 'min-lr-ratio': number
  readonly 'decay-steps': number
  readonly 'weight-decay': number
  readonly 'adam-beta1': number
  readonly 'adam-beta2': number
  readonly 'adam-epsilon': number
  readonly 'max-grad-norm': number
  readonly optimizer?: string
  readonly 'muon-momentum'?: number
  readonly output: string
  readonly steps?: number
  readonly epochs?: number
  readonly 'batch-size': number
  readonly 'micro-batch'?: number
  readonly seed: number
  readonly 'eval-steps': number
  readonly 'save-steps': number
  readonly 'save-total-limit': number
  readonly 'save-dtype': keyof typeof SAVE_DTYPES
  readonly resume: boolean
  readonly device: string
  readonly threads?: number
}

/** What a command of training prints with `--json`. */
export interface TrainingReport {
  readonly model: string
  readonly finished: boolean
  readonly step: number
  readonly tokens: number
  readonly seconds: number
  /** Of the last step, nats per token; null where none was taken. */
  readonly loss: number | null
  readonly held_out: HeldOutEntry | null
}

/** Reads and packs the data, trains, and shows how it goes. */
export abstract class TrainCommand extends BaseCommand {
  /** @param partOf what is trained, where that depends on the text to learn from */
  protected async train(
    files: string[],
    flags: TrainFlags,
    { tokenizer, maxPositions }: TextModel,
    partOf: PartOf,
  ): Promise<TrainingReport> {
    const signal = this.interruptSignal()
    const length = flags['sequence-length']
    if (length > maxPositions) {
      throw usageError(
        `--sequence-length cannot be ${length}: the model is meant for ${maxPositions} tokens.`,
      )
    }
    const data = await openData(files, flags, tokenizer, signal)
    const display = trainingDisplay()
    let states: FrozenStates | undefined
    try {
      const part = await partOf(data.training)
      states = await statesOf(part, flags)
      const options = trainOptions(flags, part, states ? withStates(data, states) : data)
      const { steps } = options
      const result = await train({
        ...options,
        signal,
        onStep: ({ step, loss, tokens, tokens_per_second: tokensPerSecond }) =>
          display.update({ step, steps, loss, tokensPerStep: tokens / step, tokensPerSecond }),
        onHeldOut: ({ step, held_out_loss }) => display.heldOut(step, held_out_loss),
      })
      display.stop()
      const report = reportOf(result)
      this.log(sentence(report, steps))
      return report
    } finally {
      display.stop()
      await states?.dispose()
      await data.close()
    }
  }
}

function statesOf({ frozen, weights }: TrainingPart, flags: TrainFlags): Promise<FrozenStates> | undefined {
  const length = flags['sequence-length']
  return frozen && FrozenStates.create(frozen, weights, { length, ...placement(flags) })
}

function withStates(data: OpenData, states: FrozenStates): OpenData {
  const { training, heldOut } = data
  return { ...data, training: states.of(training), heldOut: { ...heldOut, ...states.of(heldOut) } }
}

function placement({ device, threads }: TrainFlags): Pick<TrainOptions, 'device' | 'threads'> {
  return { device: device as TrainOptions['device'], threads }
}

interface OpenData {
  readonly training: TrainingData
  readonly heldOut: HeldOutData
  /** What the data is, for a resumed run. */
  readonly key: string
  close(): Promise<void>
}

async function openData(
  files: readonly string[],
  flags: TrainFlags,
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<OpenData> {
  const pack = (paths: readonly string[]) =>
    openRows(paths, { tokenizer, length: flags['sequence-length'], separator: flags.separator, signal })
  const limit = flags['held-out-rows']
  const training = await pack(files)
  const file = flags['held-out']
  if (file === undefined) {
    return { ...splitTail(training, limit), key: training.key, close: () => training.close() }
  }
  const heldOut = await pack([file])
  return {
    training,
    heldOut: sampleRows(heldOut, limit),
    key: training.key,
    close: async () => {
      await Promise.all([training.close(), heldOut.close()])
    },
  }
}

function trainOptions(flags: TrainFlags, part: TrainingPart, data: OpenData): Omit<TrainOptions, 'signal'> {
  const batchSize = flags['batch-size']
  const length = flags['sequence-length']
  const steps = flags.steps ?? Math.max(1, Math.ceil(((flags.epochs ?? 1) * data.training.rows) / batchSize))
  const microBatch = flags['micro-batch'] ?? chooseMicroBatch(part.build, batchSize, length, part.rateOf)
  if (batchSize % microBatch !== 0) {
    throw usageError(
      `--micro-batch cannot be ${microBatch}: it has to divide the --batch-size of ${batchSize}.`,
    )
  }
  const optimiser = optimiserOf(flags, steps)
  return {
    ...part,
    writeModel: (directory) => part.writeModel(directory, SAVE_DTYPES[flags['save-dtype']]),
    output: flags.output,
    settings: {
      ...part.settings,
      data: data.key,
      sequence_length: length,
      batch_size: batchSize,
      micro_batch: microBatch,
      steps,
      seed: flags.seed,
      ...optimiserSettings(flags),
    },
    resume: flags.resume,
    data: data.training,
    heldOut: data.heldOut,
    sequenceLength: length,
    batchSize,
    microBatch,
    steps,
    optimiser,
    seed: flags.seed,
    evaluateEvery: flags['eval-steps'],
    saveEvery: flags['save-steps'],
    keep: flags['save-total-limit'],
    ...placement(flags),
  }
}

/** By the names of the flags, in which a resumed run is told what differs. */
function optimiserSettings(flags: TrainFlags): RunSettings {
  const names = [
    'learning-rate',
    'lr-scheduler-type',
    'warmup-steps',
    'min-lr-ratio',
    'decay-steps',
    'weight-decay',
    'adam-beta1',
    'adam-beta2',
    'adam-epsilon',
    'max-grad-norm',
    'optimizer',
    ...(flags.optimizer === 'muon' ? (['muon-momentum'] as const) : []),
  ] as const
  return Object.fromEntries(names.map((name) => [name.replaceAll('-', '_'), flags[name]]))
}

function optimiserOf(flags: TrainFlags, steps: number): AdamWSettings {
  return {
    schedule: {
      type: flags['lr-scheduler-type'] as Schedule['type'],
      learningRate: flags['learning-rate'],
      warmupSteps: flags['warmup-steps'],
      steps,
      minimum: flags['min-lr-ratio'],
      decaySteps: flags['decay-steps'],
    },
    beta1: flags['adam-beta1'],
    beta2: flags['adam-beta2'],
    epsilon: flags['adam-epsilon'],
    weightDecay: flags['weight-decay'],
    maxGradientNorm: flags['max-grad-norm'],
    ...(flags.optimizer === 'muon' ? { muonMomentum: flags['muon-momentum'] } : {}),
  }
}

function reportOf({ model, finished, step, last, heldOut }: TrainResult): TrainingReport {
  return {
    model,
    finished,
    step,
    tokens: last?.tokens ?? 0,
    seconds: last?.seconds ?? 0,
    loss: last?.loss ?? null,
    held_out: heldOut ?? null,
  }
}

function sentence({ model, finished, step, held_out }: TrainingReport, steps: number): string {
  const bits = held_out?.bits_per_byte
  const quality = bits === undefined ? '' : `; ${bits.toFixed(3)} bits per byte on held-out text`
  if (finished) return `Trained for ${step} steps: the model is in ${model}${quality}.`
  return `Interrupted after ${step} of ${steps} steps: go on with --resume, or use ${model}${quality}.`
}
