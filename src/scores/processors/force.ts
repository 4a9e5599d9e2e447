import { UserError } from '../../errors.js'
import type { Prefix } from '../../model/prefix.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'

/** The tokens that may follow a sequence. */
export type PrefixAllowedTokens = (prefix: Prefix) => readonly number[]

/** Scores `tokens` -Infinity; ids outside the vocabulary are passed over. */
export function forbid(logits: Float32Array, tokens: readonly number[]): void {
  for (const token of tokens) if (token < logits.length) logits[token] = -Infinity
}

/** Never generates `tokens` (HF SuppressTokensLogitsProcessor). */
export function suppressTokens(tokens: readonly number[]): LogitsProcessor {
  return (logits) => forbid(logits, tokens)
}

/** Scores all but `tokens` -Infinity; ids outside the vocabulary are passed over. */
export function keepOnly(logits: Float32Array, tokens: readonly number[]): void {
  const scores = tokens.map((token) => logits[token])
  logits.fill(-Infinity)
  for (const [i, token] of tokens.entries()) if (token < logits.length) logits[token] = scores[i]
}

/** Generates nothing but `tokens` (vLLM's `allowed_token_ids`). */
export function allowTokens(tokens: readonly number[]): LogitsProcessor {
  return (logits) => keepOnly(logits, tokens)
}

/** Does not generate `tokens` where the sequence is `beginIndex` tokens long (HF SuppressTokensAtBeginLogitsProcessor). */
export function suppressTokensAtBegin(tokens: readonly number[], beginIndex: number): LogitsProcessor {
  return (logits, prefix) => {
    if (prefix.length === beginIndex) forbid(logits, tokens)
  }
}

/** Allows only `tokens` where the sequence is `length` tokens long: they score 0, the others -Infinity. */
function forceAt(length: number, tokens: readonly number[]): LogitsProcessor {
  return (logits, prefix) => {
    if (prefix.length !== length) return
    logits.fill(-Infinity)
    for (const token of tokens) if (token < logits.length) logits[token] = 0
  }
}

/** Makes `token` follow the first token of the sequence (HF ForcedBOSTokenLogitsProcessor). */
export const forcedBosToken = (token: number): LogitsProcessor => forceAt(1, [token])

/** Makes one of `tokens` the last token before `maxLength` (total, prompt included) is reached (HF ForcedEOSTokenLogitsProcessor). */
export const forcedEosToken = (tokens: readonly number[], maxLength: number): LogitsProcessor =>
  forceAt(maxLength - 1, tokens)

/**
 * Allows only the tokens that `allowed` names. If their scores are all -Infinity they are set to 0, so that the
 * constraint holds (HF PrefixConstrainedLogitsProcessor).
 * @throws UserError where `allowed` names none.
 */
export function prefixConstrained(allowed: PrefixAllowedTokens): LogitsProcessor {
  return (logits, prefix) => {
    const tokens = allowed(prefix).filter((token) => token < logits.length)
    if (tokens.length === 0) {
      throw new UserError(
        `prefix_allowed_tokens_fn allows no token after ${prefix.length} tokens; it has to name at least one.`,
      )
    }
    const satisfiable = tokens.some((token) => logits[token] !== -Infinity)
    keepOnly(logits, tokens)
    if (!satisfiable) for (const token of tokens) logits[token] = 0
  }
}
