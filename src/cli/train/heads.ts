import { Flags } from '@oclif/core'
import type { HeadTrainingOptions } from '../../train/heads.js'
import type { Pretrained } from '../../train/pretrained.js'
import type { PartOf } from '../../train/train.js'
import { TrainCommand, type TrainFlags, type TrainingReport } from './command.js'
import { number } from './flags.js'
import { openPretrained } from './pretrained.js'

const DISTILLATION = { helpGroup: 'DISTILLATION', exclusive: ['joint'] }

/** What heads learn from the model that they are for, where that stays as it is. */
export const headDistillationFlags = {
  alpha: number({
    ...DISTILLATION,
    min: 0,
    max: 1,
    helpValue: 'X',
    description: "share of the model's own distributions in the loss; the rest is the text's [0]",
  }),
  temperature: number({
    ...DISTILLATION,
    min: 0.1,
    max: 100,
    helpValue: 'X',
    description: 'at which the distributions are compared [1]',
    dependsOn: ['alpha'],
  }),
}

/** Fewer could not even give the candidates of a tree. */
const LEAST_TOKENS = 16

export function draftVocabularyFlag(helpGroup: string) {
  return Flags.integer({
    helpGroup,
    min: LEAST_TOKENS,
    helpValue: 'N',
    description: 'guess the N most frequent tokens of the data alone [all]',
    exclusive: ['init'],
  })
}

/** The flags that all kinds of heads share. */
interface HeadFlags extends TrainFlags, Pick<HeadTrainingOptions, 'init' | 'joint'> {
  readonly model: string
  readonly alpha?: number
  readonly temperature?: number
  readonly 'draft-vocab-size'?: number
}

/** Trains heads for a model, which stays as it is, unless `--joint` trains it, too. */
export abstract class TrainHeadsCommand extends TrainCommand {
  /** @param start gives what is trained, once the data are there */
  protected async trainHeads(
    files: string[],
    flags: HeadFlags,
    start: (model: Pretrained, options: HeadTrainingOptions) => Promise<PartOf>,
  ): Promise<TrainingReport> {
    const { init, joint, seed, alpha, temperature = 1, 'draft-vocab-size': draftVocabSize } = flags
    const model = await openPretrained(flags.model, this.interruptSignal(), { copied: joint !== undefined })
    const distillation = alpha ? { alpha, temperature } : undefined
    const partOf = await start(model, { init, joint, distillation, draftVocabSize, seed })
    return this.train(
      files,
      flags,
      { tokenizer: model.tokenizer, maxPositions: model.spec.maxPositions },
      partOf,
    )
  }
}
