import type { LogitsProcessor } from '../../strategies/strategy.js'
import { forbid } from './force.js'

/** Forbids the end of sequence until the sequence, prompt included, has `length` tokens (HF MinLengthLogitsProcessor). */
export function minLength(length: number, eosTokenIds: readonly number[]): LogitsProcessor {
  return (logits, prefix) => {
    if (prefix.length < length) forbid(logits, eosTokenIds)
  }
}

/** Forbids the end of sequence until `count` tokens follow the prompt (HF MinNewTokensLengthLogitsProcessor). */
export function minNewTokens(
  count: number,
  promptLength: number,
  eosTokenIds: readonly number[],
): LogitsProcessor {
  return minLength(promptLength + count, eosTokenIds)
}

/**
 * Raises the end of sequence more with each token after the `start`-th new one: s += |s| (factor^n - 1), where
 * n is the number of tokens past it (HF ExponentialDecayLengthPenalty).
 */
export function exponentialDecayLengthPenalty(
  [start, factor]: readonly [start: number, factor: number],
  promptLength: number,
  eosTokenIds: readonly number[],
): LogitsProcessor {
  return (logits, prefix) => {
    const past = prefix.length - promptLength - start
    if (past <= 0) return
    for (const token of eosTokenIds) {
      if (Number.isFinite(logits[token])) logits[token] += Math.abs(logits[token]) * (factor ** past - 1)
    }
  }
}
