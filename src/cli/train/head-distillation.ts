import type { HeadLossOptions } from '../../train/objectives/heads.js'
import { number } from './flags.js'

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

export function headDistillation({
  alpha,
  temperature = 1,
}: {
  alpha?: number
  temperature?: number
}): HeadLossOptions['distillation'] {
  return alpha === undefined || alpha === 0 ? undefined : { alpha, temperature }
}
