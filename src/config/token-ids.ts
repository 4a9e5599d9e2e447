import { usageError } from '../errors.js'
import type { ConfigLayer } from './index.js'

const TOKEN_FIELDS = [
  'bos_token_id',
  'eos_token_id',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'suppress_tokens',
  'allowed_token_ids',
  'begin_suppress_tokens',
  'force_words_ids',
] as const

/** @throws UserError for a token that the model does not have; a model's own file may name some. */
export function checkTokenIds({ values, origin }: ConfigLayer, vocabSize: number): void {
  for (const field of TOKEN_FIELDS) {
    const unknown = [values[field] ?? []].flat(3).find((id) => Number(id) >= vocabSize)
    if (unknown === undefined) continue
    throw usageError(
      `${field} in ${origin} names the token ${unknown}, but the model's vocabulary has ${vocabSize}.`,
    )
  }
}
