import { Args, Flags } from '@oclif/core'
import { TrainCommand, type TrainingReport } from '../../cli/train/command.js'
import { draftTokens, draftVocabularyFlag } from '../../cli/train/draft-vocabulary.js'
import { dataFlags, muonFlags, number, optimiserFlags, runFlags } from '../../cli/train/flags.js'
import { headDistillation, headDistillationFlags } from '../../cli/train/head-distillation.js'
import { openPretrained } from '../../cli/train/pretrained.js'
import { readHeads, subdirectory, writeHeads } from '../../heads/files.js'
import { fingerprintOf } from '../../heads/fingerprint.js'
import { MTP } from '../../heads/kinds.js'
import type { TrainingData } from '../../train/data/training-data.js'
import { initialMtp } from '../../train/initialise-heads.js'
import { writeModelFiles } from '../../train/model-files.js'
import { headSettings } from '../../train/objectives/heads.js'
import { isMtp, multiToken } from '../../train/objectives/mtp.js'

const MODULES = { helpGroup: 'MODULES' }

export default class TrainMtp extends TrainCommand {
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
    const { joint } = flags
    const opened = await openPretrained(flags.model, this.interruptSignal(), { copied: joint !== undefined })
    const { spec, config, path, weights, tokenizer, directory } = opened
    const target = { path, spec, fingerprint: fingerprintOf(spec, weights) }
    const given = flags.init ? await readHeads(flags.init, MTP, target) : undefined
    const newModules = async (data: TrainingData) => {
      const asked = {
        depth: flags.depth,
        modules: flags.parallel ? flags.depth : (flags.modules ?? 1),
        hiddenStatesFirst: flags['mtp-hidden-states-first'] ?? false,
        parallel: flags.parallel ?? false,
        draftTokens: await draftTokens(data, spec, flags),
      }
      return { spec: asked, weights: initialMtp(asked, spec, flags.seed) }
    }
    const model = { tokenizer, maxPositions: spec.maxPositions }
    return this.train(argv as string[], flags, model, async (data) => {
      const start = given ?? (await newModules(data))
      for (const [name, values] of start.weights) weights.set(name, values)
      const isNew = isMtp(spec, start.spec)
      const isFrozen = joint === undefined
      const distillation = headDistillation(flags)
      return {
        settings: {
          target: opened.fingerprint,
          modules: headSettings(start.spec),
          init: flags.init,
          joint,
          distillation,
        },
        build: multiToken(spec, start.spec, { joint, statesGiven: isFrozen, distillation }),
        weights,
        frozen: isFrozen ? spec : undefined,
        rateOf: (name) => (!isFrozen || isNew(name) ? 1 : undefined),
        writeModel: async (output, dtype) => {
          if (isFrozen) return writeHeads(output, MTP, start.spec, weights, target, dtype)
          await writeModelFiles(output, { spec, config, weights, tokenizer: directory, dtype })
          const trained = { ...target, path: '..', fingerprint: fingerprintOf(spec, weights) }
          await writeHeads(await subdirectory(output, 'mtp'), MTP, start.spec, weights, trained, dtype)
        },
      }
    })
  }
}
