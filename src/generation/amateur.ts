import type { GenerationConfig, GenerationField } from '../config/index.js'
import { generationMode } from '../config/mode.js'
import { usageError } from '../errors.js'
import type { LanguageModel } from '../language-model/load.js'
import { differenceOf, type Speller } from './assistant.js'

/** A weaker model, whose log-probabilities are taken from those of the model: contrastive decoding (Li et al. 2023). */
export type Amateur = Pick<LanguageModel, 'path' | 'model' | 'tokenizer'>

/** The fields that say how an amateur counts. */
export const AMATEUR_FIELDS = ['amateur_alpha', 'amateur_beta'] as const satisfies readonly GenerationField[]

/** @throws UserError for an amateur with other tokens than the model's */
export function requireAmateurOf(target: Speller, amateur: Speller): void {
  const difference = differenceOf(amateur, target)
  if (difference === undefined) return
  throw usageError(
    `${amateur.path} is no amateur for ${target.path}, since ${difference}: an amateur needs the vocabulary of the model.`,
  )
}

/** @throws UserError for settings under which the scores are not those of the model less an amateur's */
export function refuseBesideAmateur(config: GenerationConfig): void {
  const refuse = (field: GenerationField, why: string) => {
    throw usageError(
      `${field} is ${JSON.stringify(config[field])} beside an amateur model, but ${why}: leave one of them out.`,
    )
  }
  if ((config.guidance_scale ?? 1) !== 1) refuse('guidance_scale', 'both replace the scores')
  if (config.dola_layers !== undefined) refuse('dola_layers', 'both replace the scores')
  if (generationMode(config) === 'contrastive_search') {
    refuse('penalty_alpha', 'contrastive search takes the scores as they are')
  }
}
