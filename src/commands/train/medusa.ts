import { Args, Flags } from '@oclif/core'
import type { TrainingReport } from '../../cli/train/command.js'
import { dataFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { draftVocabularyFlag, headDistillationFlags, TrainHeadsCommand } from '../../cli/train/heads.js'
import { trainHeads } from '../../train/heads.js'
import { MEDUSA_TRAINING } from '../../train/objectives/medusa.js'

const HEADS = { helpGroup: 'HEADS' }

export default class TrainMedusa extends TrainHeadsCommand {
  static override summary = 'Train Medusa heads for a model.'
  static override description =
    'Trains heads that predict the tokens after the next one from the hidden state of a model (Cai et al. 2024). The model stays as it is (Medusa-1), unless --joint trains it, too (Medusa-2). With --sequential a head is given the tokens before the one that it guesses (Ankner et al. 2024). The result has the layout of published Medusa heads.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> chats.jsonl -m org/name -o ./medusa --heads 4 --steps 1000',
    '<%= config.bin %> <%= command.id %> books.txt -m ./model -o ./medusa --own-vocabulary --learning-rate 1e-3',
    '<%= config.bin %> <%= command.id %> chats.jsonl -m ./model -o ./medusa --draft-vocab-size 8192 --alpha 0.9',
    '<%= config.bin %> <%= command.id %> chats.jsonl -m ./model --init ./medusa -o ./hydra --sequential',
    '<%= config.bin %> <%= command.id %> books.txt -m ./model --init ./medusa -o ./medusa-2 --joint 0.2',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'text or JSON Lines, one or several files' }),
  }
  static override flags = {
    model: Flags.string({
      ...HEADS,
      char: 'm',
      required: true,
      helpValue: 'MODEL',
      description: 'model to train heads for: directory, .gguf file or hub id',
    }),
    heads: Flags.integer({ ...HEADS, min: 1, max: 16, default: 4, description: 'heads' }),
    layers: Flags.integer({ ...HEADS, min: 1, max: 4, default: 1, description: 'residual blocks of a head' }),
    'own-vocabulary': Flags.boolean({
      ...HEADS,
      description: "a vocabulary matrix for each head, in place of the model's",
    }),
    sequential: Flags.boolean({
      ...HEADS,
      description: 'heads that are given the tokens before the one that they guess (Hydra)',
    }),
    'draft-vocab-size': draftVocabularyFlag(HEADS.helpGroup),
    init: Flags.string({ ...HEADS, helpValue: 'DIR', description: 'go on from these heads' }),
    joint: number({
      ...HEADS,
      min: 0,
      helpValue: 'X',
      description: "Medusa-2: train the model as well, its loss and X times the heads'",
    }),
    'backbone-rate': number({
      ...HEADS,
      min: 0,
      max: 1,
      default: 0.25,
      helpValue: 'X',
      description: "learning rate of the model as a share of the heads', with --joint",
    }),
    ...headDistillationFlags,
    ...dataFlags,
    ...optimiserFlags,
    ...runFlags,
  }

  async run(): Promise<TrainingReport> {
    const { argv, flags } = await this.parse(TrainMedusa)
    const sequential = flags.sequential && { sequential: true }
    return this.trainHeads(argv as string[], flags, (model, options) =>
      trainHeads(model, options, {
        kind: MEDUSA_TRAINING,
        asked: (draft) => ({
          heads: flags.heads,
          layers: flags.layers,
          ownVocabulary: flags['own-vocabulary'] ?? false,
          ...sequential,
          ...draft,
        }),
        // Heads that are to be given tokens begin with paying no heed to them.
        further: (given) => {
          if (!sequential || given.spec.sequential) return given
          const spec = { ...given.spec, ...sequential }
          const fresh = MEDUSA_TRAINING.initial(spec, model.spec, model.weights, flags.seed)
          return { spec, weights: new Map([...fresh, ...given.weights]) }
        },
        settings: (heads) => ({ heads, backbone_rate: flags['backbone-rate'] }),
        directory: 'medusa',
        backboneRate: flags['backbone-rate'],
      }),
    )
  }
}
