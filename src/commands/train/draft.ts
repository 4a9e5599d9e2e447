import { Args, Flags } from '@oclif/core'
import { TrainCommand, type TrainingReport } from '../../cli/train/command.js'
import { dataFlags, muonFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { openPretrained } from '../../cli/train/pretrained.js'
import { parameterCount } from '../../language-model/describe.js'
import { requireDraftOf } from '../../language-model/vocabulary.js'
import { distilledWeights, isStudent, newDraft } from '../../train/draft.js'
import { writeModelFiles } from '../../train/model-files.js'
import { distilled } from '../../train/objectives/distillation.js'
import type { Pretrained } from '../../train/pretrained.js'

const MODEL = { helpGroup: 'MODEL' }
const DISTILLATION = { helpGroup: 'DISTILLATION' }
const SIZES = [
  'hidden-size',
  'num-hidden-layers',
  'num-attention-heads',
  'num-key-value-heads',
  'intermediate-size',
]

export default class TrainDraft extends TrainCommand {
  static override summary = 'Distil a draft model from a target, for speculative decoding.'
  static override description =
    "Trains a small Llama with the target's tokenizer to predict what the target would, on text or JSON Lines. The held-out figures are its cross_entropy, how often its first choice is the target's (agreement: what greedy speculative decoding accepts), and the acceptance of speculative sampling at temperature 1."
  static override examples = [
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./draft --steps 2000',
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./draft --hidden-size 128 --num-hidden-layers 2',
    '<%= config.bin %> <%= command.id %> stories.jsonl -m ./model -o ./better-draft --init ./draft --learning-rate 2e-4',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'text or JSON Lines, one or several files' }),
  }
  static override flags = {
    model: Flags.string({
      ...MODEL,
      char: 'm',
      required: true,
      helpValue: 'TARGET',
      description: 'the model to learn from: a directory in HF layout, or a hub id',
    }),
    init: Flags.string({
      ...MODEL,
      helpValue: 'DRAFT',
      description: 'go on from the weights of this draft',
      exclusive: SIZES,
    }),
    'hidden-size': size("width of the residual stream [for a tenth of the target's parameters]"),
    'num-hidden-layers': size("layers [a sixth of the target's]"),
    'num-attention-heads': size('attention heads [one for 32 of the width]'),
    'num-key-value-heads': size('key-value heads [as many]'),
    'intermediate-size': size('width of the feed-forward layers [8/3 of the hidden size]'),
    alpha: number({
      ...DISTILLATION,
      min: 0,
      max: 1,
      default: 0.9,
      helpValue: 'X',
      description: "share of the target's distribution in the loss; the rest is the text's",
    }),
    temperature: number({
      ...DISTILLATION,
      min: 0.1,
      max: 100,
      default: 1,
      helpValue: 'X',
      description: 'at which the distributions are compared',
    }),
    ...dataFlags,
    ...optimiserFlags,
    ...muonFlags,
    ...runFlags,
  }

  async run(): Promise<TrainingReport> {
    const { argv, flags } = await this.parse(TrainDraft)
    const signal = this.interruptSignal()
    const target = await openPretrained(flags.model, signal)
    const draft = await this.draftOf(target, flags, signal)
    const { spec, config } = draft
    const { alpha, temperature } = flags
    const weights = distilledWeights(draft.weights, target.weights)
    const maxPositions = Math.min(spec.maxPositions, target.spec.maxPositions)
    return this.train(argv as string[], flags, { tokenizer: target.tokenizer, maxPositions }, () => ({
      settings: { target: target.fingerprint, config, init: flags.init, alpha, temperature },
      build: distilled(spec, target.spec, { alpha, temperature }),
      weights,
      rateOf: (name) => (isStudent(name) ? 1 : undefined),
      writeModel: (output, dtype) =>
        writeModelFiles(output, { spec, config, weights, tokenizer: target.directory, dtype }),
    }))
  }

  private async draftOf(
    target: Pretrained,
    flags: DraftFlags,
    signal: AbortSignal,
  ): Promise<Pick<Pretrained, 'spec' | 'config' | 'weights'>> {
    if (flags.init !== undefined) {
      const draft = await openPretrained(flags.init, signal)
      requireDraftOf(target, draft)
      return draft
    }
    const sizes = {
      hiddenSize: flags['hidden-size'],
      layers: flags['num-hidden-layers'],
      heads: flags['num-attention-heads'],
      kvHeads: flags['num-key-value-heads'],
      intermediateSize: flags['intermediate-size'],
    }
    const draft = newDraft(target, sizes, flags.seed)
    const [own, all] = [parameterCount(draft.spec), parameterCount(target.spec)]
    const share = ((100 * own) / all).toFixed(1)
    this.logToStderr(`The draft has ${own.toLocaleString('en')} parameters, ${share}% of its target's.`)
    return draft
  }
}

interface DraftFlags {
  readonly init?: string
  readonly seed: number
  readonly 'hidden-size'?: number
  readonly 'num-hidden-layers'?: number
  readonly 'num-attention-heads'?: number
  readonly 'num-key-value-heads'?: number
  readonly 'intermediate-size'?: number
}

function size(description: string) {
  return Flags.integer({ ...MODEL, min: 1, description })
}
