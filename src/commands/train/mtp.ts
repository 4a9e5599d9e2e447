import { Args, Flags } from '@oclif/core'
import type { TrainingReport } from '../../cli/train/command.js'
import { dataFlags, muonFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { draftVocabularyFlag, headDistillationFlags, TrainHeadsCommand } from '../../cli/train/heads.js'
import { trainHeads } from '../../train/heads.js'
import { MTP_TRAINING } from '../../train/objectives/mtp.js'

const MODULES = { helpGroup: 'MODULES' }

export default class TrainMtp extends TrainHeadsCommand {
  static override summary = 'Train modules of multi-token prediction for a model.'
  static override description =
    "Trains DeepSeek-V3's modules, each of which predicts one more token from the hidden state before it and one more embedding, or Meta's parallel heads. The model stays as it is, unless --joint trains it, too."
  static override examples = [
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./mtp --depth 3',
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./mtp --depth 2 --modules 2 --joint 0.3',
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./heads --parallel --depth 3',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'text or JSON Lines, one or several files' }),
  }
  static override flags = {
    model: Flags.string({
      ...MODULES,
      char: 'm',
      required: true,
      helpValue: 'MODEL',
      description: 'model to train modules for: directory, .gguf file or hub id',
    }),
    depth: Flags.integer({
      ...MODULES,
      min: 1,
      max: 8,
      default: 3,
      description: 'tokens beyond the next one that are learnt',
    }),
    modules: Flags.integer({
      ...MODULES,
      min: 1,
      max: 8,
      description: 'modules; the last one is used again for what is deeper [1]',
    }),
    parallel: Flags.boolean({
      ...MODULES,
      description: 'independent heads, one for each depth',
      exclusive: ['modules'],
    }),
    'mtp-hidden-states-first': Flags.boolean({
      ...MODULES,
      description: 'hidden state before embedding where both are concatenated',
    }),
    'draft-vocab-size': draftVocabularyFlag(MODULES.helpGroup),
    init: Flags.string({ ...MODULES, helpValue: 'DIR', description: 'go on from these modules' }),
    joint: number({
      ...MODULES,
      min: 0,
      helpValue: 'X',
      description: "train the model as well: its loss and X times the modules'",
    }),
    ...headDistillationFlags,
    ...dataFlags,
    ...optimiserFlags,
    ...muonFlags,
    ...runFlags,
  }

  async run(): Promise<TrainingReport> {
    const { argv, flags } = await this.parse(TrainMtp)
    return this.trainHeads(argv as string[], flags, (model, options) =>
      trainHeads(model, options, {
        kind: MTP_TRAINING,
        asked: (draft) => ({
          depth: flags.depth,
          modules: flags.parallel ? flags.depth : (flags.modules ?? 1),
          hiddenStatesFirst: flags['mtp-hidden-states-first'] ?? false,
          parallel: flags.parallel ?? false,
          ...draft,
        }),
        settings: (modules) => ({ modules }),
        directory: 'mtp',
      }),
    )
  }
}
