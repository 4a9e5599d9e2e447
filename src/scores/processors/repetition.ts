import { tokensOf } from '../../model/prefix.js'
import { prefixState } from '../../model/prefix-state.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'
import { PrefixTable } from './prefix-table.js'

/**
 * Divides the positive score of every token that the sequence holds, prompt included, by `penalty`, and
 * multiplies the negative one by it (CTRL, Keskar et al. 2019, eq. 1; HF RepetitionPenaltyLogitsProcessor).
 */
export function repetitionPenalty(penalty: number): LogitsProcessor {
  const seen = prefixState(PrefixTable.empty, (table, { token }) =>
    table.has(token) ? table : table.add(token, token),
  )
  return (logits, prefix) =>
    seen(prefix).forEachKey((token) => {
      if (token >= logits.length) return
      logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty
    })
}

/** Forbids a token that would complete an n-gram of `size` tokens which the sequence holds (HF NoRepeatNGramLogitsProcessor). */
export function noRepeatNgram(size: number): LogitsProcessor {
  const followers = prefixState(PrefixTable.empty, (table, prefix) => {
    if (prefix.length < size) return table
    return table.add(size === 1 ? '' : tokensOf(prefix.parent!, size - 1).join(), prefix.token)
  })
  return (logits, prefix) => {
    if (prefix.length < size) return
    const gram = size === 1 ? '' : tokensOf(prefix, size - 1).join()
    followers(prefix).forEach(gram, (token) => {
      if (token < logits.length) logits[token] = -Infinity
    })
  }
}
