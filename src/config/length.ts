import { usageError } from '../errors.js'
import type { GenerationConfig } from './schema.js'

/** HF's rule where nobody says how long. */
export const DEFAULT_NEW_TOKENS = 20

/** How long a text may be, tokens. */
export interface ContextLength {
  readonly maxPositions: number
  /** That of the model's files, where it is longer and not served. */
  readonly longContext?: number
}

/** Why a context ends before that of the model's files, in brackets after its length; empty where it does not. */
export function contextReason({ longContext }: Pick<ContextLength, 'longContext'>): string {
  if (longContext === undefined) return ''
  return ` (of ${longContext}: LongRoPE's factors for longer texts are not served)`
}

/**
 * The most tokens that a sequence may have, prompt included: `max_new_tokens` wins over `max_length`, and
 * without both 20 new tokens are generated; never more than the `maxPositions` that the model was made for.
 * @throws UserError where that leaves no room for a token.
 */
export function lengthLimit(config: GenerationConfig, promptLength: number, context: ContextLength): number {
  const { max_new_tokens, max_length } = config
  const { maxPositions } = context
  const wanted =
    max_new_tokens !== undefined
      ? promptLength + max_new_tokens
      : (max_length ?? promptLength + DEFAULT_NEW_TOKENS)
  if (promptLength >= maxPositions) {
    throw usageError(
      `The prompt has ${promptLength} tokens, but the model's context ends at ${maxPositions}${contextReason(context)}: shorten the prompt.`,
    )
  }
  if (promptLength >= wanted) {
    throw usageError(
      `The prompt has ${promptLength} tokens, but max_length is ${wanted}: raise it, or set max_new_tokens.`,
    )
  }
  return Math.min(wanted, maxPositions)
}
