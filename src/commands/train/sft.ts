import { join } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { TrainCommand, type TrainingReport } from '../../cli/train/command.js'
import { dataFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { openPretrained } from '../../cli/train/pretrained.js'
import { requireExamples } from '../../train/data/require-examples.js'
import { initialAdapters, Lora, mergeAdapters, writeAdapter } from '../../train/lora.js'
import { writeModelFiles } from '../../train/model-files.js'
import { nextToken } from '../../train/objective.js'
import type { Pretrained } from '../../train/pretrained.js'
import type { TrainingPart } from '../../train/train.js'

const LORA = { helpGroup: 'LORA' }

export default class TrainSft extends TrainCommand {
  static override summary = 'Tune a model on prompts and their answers.'
  static override description =
    'Learns the answers of JSON Lines with "prompt" and "completion", "question" and "answer", or chat "messages"; the loss is that of the answers alone. By default LoRA adapters are trained (without dropout) and merged: the result is a whole model, with the adapters, as PEFT loads them, in adapter/.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> answers.jsonl -m ./model -o ./tuned --epochs 3',
    '<%= config.bin %> <%= command.id %> chats.jsonl -m ./model -o ./tuned --lora-r 16 --lora-alpha 32 --lora-target-modules q_proj,v_proj',
    '<%= config.bin %> <%= command.id %> answers.jsonl -m ./model -o ./tuned --full --learning-rate 2e-5',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'JSON Lines, one or several files' }),
  }
  static override flags = {
    model: Flags.string({
      char: 'm',
      required: true,
      helpGroup: 'MODEL',
      helpValue: 'MODEL',
      description: 'the model to tune: a directory in HF layout, or a hub id',
    }),
    full: Flags.boolean({
      ...LORA,
      description: 'train all weights of the model, and no adapters',
      exclusive: ['lora-r', 'lora-alpha', 'lora-target-modules'],
    }),
    'lora-r': Flags.integer({ ...LORA, min: 1, description: 'rank of the adapters [8]' }),
    'lora-alpha': number({
      ...LORA,
      min: 0,
      helpValue: 'X',
      description: 'adapters are scaled by this over the rank [16]',
    }),
    'lora-target-modules': Flags.string({
      ...LORA,
      helpValue: 'NAMES',
      description: 'projections to adapt, separated by commas, such as q_proj,v_proj [all-linear]',
    }),
    ...dataFlags,
    ...optimiserFlags,
    'learning-rate': number({
      helpGroup: 'OPTIMISER',
      min: 0,
      default: 2e-4,
      helpValue: 'X',
      description: 'at its peak',
    }),
    'warmup-steps': Flags.integer({
      helpGroup: 'OPTIMISER',
      min: 0,
      default: 10,
      description: 'steps in which it rises from 0',
    }),
    ...runFlags,
  }

  async run(): Promise<TrainingReport> {
    const { argv, flags } = await this.parse(TrainSft)
    const files = argv as string[]
    const held = flags['held-out']
    const signal = this.interruptSignal()
    await requireExamples(held === undefined ? files : [...files, held], signal)
    const model = await openPretrained(flags.model, signal)
    const { tokenizer, spec } = model
    const part = flags.full ? allWeights(model) : adapters(model, flags)
    return this.train(files, flags, { tokenizer, maxPositions: spec.maxPositions }, () => part)
  }
}

function allWeights({ spec, config, weights, directory, fingerprint }: Pretrained): TrainingPart {
  return {
    settings: { model: fingerprint, full: true },
    build: nextToken(spec),
    weights,
    writeModel: (output, dtype) =>
      writeModelFiles(output, { spec, config, weights, tokenizer: directory, dtype }),
  }
}

interface LoraFlags {
  readonly model: string
  readonly seed: number
  readonly 'lora-r'?: number
  readonly 'lora-alpha'?: number
  readonly 'lora-target-modules'?: string
}

function adapters(model: Pretrained, flags: LoraFlags): TrainingPart {
  const { spec, config, layout, directory, fingerprint } = model
  const names = flags['lora-target-modules'] ?? 'all-linear'
  const lora = new Lora(spec, {
    rank: flags['lora-r'] ?? 8,
    alpha: flags['lora-alpha'] ?? 16,
    targetModules: names === 'all-linear' ? names : names.split(',').map((name) => name.trim()),
  })
  const added = initialAdapters(lora, flags.seed)
  const weights = new Map([...model.weights, ...added])
  return {
    settings: { model: fingerprint, lora: lora.settings },
    build: nextToken(spec, lora),
    weights,
    rateOf: (name) => (added.has(name) ? 1 : undefined),
    writeModel: async (output, dtype) => {
      const merged = mergeAdapters(lora, weights)
      await writeModelFiles(output, { spec, config, weights: merged, tokenizer: directory, dtype })
      await writeAdapter(join(output, 'adapter'), lora, weights, flags.model, layout)
    },
  }
}
