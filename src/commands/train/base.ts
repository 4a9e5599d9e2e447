import { Args, Flags } from '@oclif/core'
import { readJsonObject } from '../../cli/io/text-input.js'
import { TrainCommand, type TrainingReport } from '../../cli/train/command.js'
import { dataFlags, muonFlags, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { openPretrained } from '../../cli/train/pretrained.js'
import { usageError } from '../../errors.js'
import { loadTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.js'
import { writeModelFiles } from '../../train/model-files.js'
import { llamaConfig, type NewModel, newModel } from '../../train/new-model.js'
import { nextToken } from '../../train/objective.js'

const ARCHITECTURE = { helpGroup: 'MODEL' }

export default class TrainBase extends TrainCommand {
  static override summary = 'Train a language model from text.'
  static override description =
    'Trains a Llama of the given size from random weights, or any model further with --init. Files are text (.txt) or JSON Lines (.jsonl with "text"), also compressed (.br, .gz). The result is a directory that llm and HF transformers load.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> books.txt --tokenizer ./tokenizer -o ./model --steps 2000',
    '<%= config.bin %> <%= command.id %> books.txt --tokenizer ./tokenizer -o ./model --steps 2000 --resume',
    '<%= config.bin %> <%= command.id %> stories.jsonl --init ./model -o ./storyteller --epochs 2 --learning-rate 2e-4',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'text or JSON Lines, one or several files' }),
  }
  static override flags = {
    init: Flags.string({
      ...ARCHITECTURE,
      helpValue: 'MODEL',
      description: 'go on from the weights of this model, with its tokenizer',
      exclusive: ['tokenizer', 'config'],
    }),
    tokenizer: Flags.string({ ...ARCHITECTURE, helpValue: 'DIR', description: 'directory of the tokenizer' }),
    config: Flags.string({
      ...ARCHITECTURE,
      helpValue: 'FILE',
      description: "a model's config.json, in place of the sizes below",
    }),
    'hidden-size': size(256, 'width of the residual stream'),
    'num-hidden-layers': size(6, 'layers'),
    'num-attention-heads': size(4, 'attention heads'),
    'num-key-value-heads': Flags.integer({
      ...ARCHITECTURE,
      min: 1,
      description: 'key-value heads [as many]',
    }),
    'intermediate-size': Flags.integer({
      ...ARCHITECTURE,
      min: 1,
      description: 'width of the feed-forward layers [8/3 of the hidden size]',
    }),
    'max-position-embeddings': size(1024, 'longest sequence that the model is meant for'),
    ...dataFlags,
    ...optimiserFlags,
    ...muonFlags,
    ...runFlags,
  }

  async run(): Promise<TrainingReport> {
    const { argv, flags } = await this.parse(TrainBase)
    const start = flags.init ? await this.#pretrained(flags.init) : await fromScratch(flags)
    const { spec, config, weights, tokenizer, directory, fingerprint } = start
    const model = { tokenizer, maxPositions: spec.maxPositions }
    return this.train(argv as string[], flags, model, () => ({
      settings: { config, init: fingerprint },
      build: nextToken(spec),
      weights,
      writeModel: (output, dtype) =>
        writeModelFiles(output, { spec, config, weights, tokenizer: directory, dtype }),
    }))
  }

  #pretrained(source: string): Promise<Start> {
    return openPretrained(source, this.interruptSignal())
  }
}

/** A model before it is trained. */
interface Start extends NewModel {
  readonly tokenizer: Tokenizer
  /** Of the tokenizer's files. */
  readonly directory: string
  /** Of the model that is trained further. */
  readonly fingerprint?: string
}

function size(fallback: number, description: string) {
  return Flags.integer({ ...ARCHITECTURE, min: 1, default: fallback, description })
}

interface ArchitectureFlags {
  readonly tokenizer?: string
  readonly config?: string
  readonly seed: number
  readonly 'hidden-size': number
  readonly 'num-hidden-layers': number
  readonly 'num-attention-heads': number
  readonly 'num-key-value-heads'?: number
  readonly 'intermediate-size'?: number
  readonly 'max-position-embeddings': number
}

async function fromScratch(flags: ArchitectureFlags): Promise<Start> {
  const directory = flags.tokenizer
  if (!directory) throw usageError('There is no tokenizer: give its directory with --tokenizer.')
  const tokenizer = await loadTokenizer(directory)
  const config = flags.config ? await readJsonObject(flags.config) : configOf(flags, tokenizer)
  const origin = flags.config ?? 'the flags'
  return { ...newModel(config, origin, tokenizer.vocabSize, flags.seed), tokenizer, directory }
}

function configOf(flags: ArchitectureFlags, tokenizer: Tokenizer) {
  const id = (token: string | undefined) =>
    token === undefined ? null : (tokenizer.tokenToId(token) ?? null)
  return llamaConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: flags['hidden-size'],
    layers: flags['num-hidden-layers'],
    heads: flags['num-attention-heads'],
    kvHeads: flags['num-key-value-heads'],
    intermediateSize: flags['intermediate-size'],
    maxPositions: flags['max-position-embeddings'],
    bosTokenId: id(tokenizer.bosToken),
    eosTokenId: id(tokenizer.eosToken),
  })
}
