import { Args, Flags } from '@oclif/core'
import { TrainCommand, type TrainingReport } from '../../cli/train/command.js'
import { draftTokens, draftVocabularyFlag } from '../../cli/train/draft-vocabulary.js'
import { dataFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { headDistillation, headDistillationFlags } from '../../cli/train/head-distillation.js'
import { openPretrained } from '../../cli/train/pretrained.js'
import { readHeads, subdirectory, writeHeads } from '../../heads/files.js'
import { fingerprintOf } from '../../heads/fingerprint.js'
import { MEDUSA } from '../../heads/kinds.js'
import type { TrainingData } from '../../train/data/training-data.js'
import { initialMedusa } from '../../train/initialise-heads.js'
import { writeModelFiles } from '../../train/model-files.js'
import { headSettings } from '../../train/objectives/heads.js'
import { isMedusa, medusa } from '../../train/objectives/medusa.js'

const HEADS = { helpGroup: 'HEADS' }

export default class TrainMedusa extends TrainCommand {
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
    const { joint } = flags
    const opened = await openPretrained(flags.model, this.interruptSignal(), { copied: joint !== undefined })
    const { spec, config, path, weights, tokenizer, directory } = opened
    const target = { path, spec, fingerprint: fingerprintOf(spec, weights) }
    const given = flags.init ? await readHeads(flags.init, MEDUSA, target) : undefined
    // Heads that are to be given tokens begin with paying no heed to them.
    const further = (heads: NonNullable<typeof given>) => {
      if (!flags.sequential || heads.spec.sequential) return heads
      const asked = { ...heads.spec, sequential: true }
      return { spec: asked, weights: new Map([...initialMedusa(asked, spec, weights), ...heads.weights]) }
    }
    const newHeads = async (data: TrainingData) => {
      const asked = {
        heads: flags.heads,
        layers: flags.layers,
        ownVocabulary: flags['own-vocabulary'] ?? false,
        ...(flags.sequential && { sequential: true }),
        draftTokens: await draftTokens(data, spec, flags),
      }
      return { spec: asked, weights: initialMedusa(asked, spec, weights) }
    }
    const model = { tokenizer, maxPositions: spec.maxPositions }
    return this.train(argv as string[], flags, model, async (data) => {
      const start = given ? further(given) : await newHeads(data)
      for (const [name, values] of start.weights) weights.set(name, values)
      const isFrozen = joint === undefined
      const distillation = headDistillation(flags)
      return {
        settings: {
          target: opened.fingerprint,
          heads: headSettings(start.spec),
          init: flags.init,
          joint,
          backbone_rate: flags['backbone-rate'],
          distillation,
        },
        build: medusa(spec, start.spec, { joint, statesGiven: isFrozen, distillation }),
        weights,
        frozen: isFrozen ? spec : undefined,
        rateOf: (name) => {
          if (isMedusa(name)) return 1
          return isFrozen ? undefined : flags['backbone-rate']
        },
        writeModel: async (output, dtype) => {
          if (isFrozen) return writeHeads(output, MEDUSA, start.spec, weights, target, dtype)
          await writeModelFiles(output, { spec, config, weights, tokenizer: directory, dtype })
          const trained = { ...target, path: '..', fingerprint: fingerprintOf(spec, weights) }
          await writeHeads(await subdirectory(output, 'medusa'), MEDUSA, start.spec, weights, trained, dtype)
        },
      }
    })
  }
}
