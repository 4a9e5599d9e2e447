import { type Prefix, tokensOf } from '../../model/prefix.js'
import { prefixState } from '../../model/prefix-state.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'
import { PrefixTable } from './prefix-table.js'

/** Visits the tokens that a sequence holds, each once. */
type VisitSeen = (prefix: Prefix, visit: (token: number) => void) => void

/** Tokens anywhere in the sequence. */
function seenTokens(): VisitSeen {
  const seen = prefixState(PrefixTable.empty, (table, { token }) =>
    table.has(token) ? table : table.add(token, token),
  )
  return (prefix, visit) => seen(prefix).forEachKey(visit)
}

/**
 * Divides the positive score of every token that the sequence holds, prompt included, by `penalty`, and
 * multiplies the negative one by it (CTRL, Keskar et al. 2019, eq. 1; HF RepetitionPenaltyLogitsProcessor).
 * @param last looks at so many of the last tokens (llama.cpp's `repeat_last_n`); by default -1, at all
 */
export function repetitionPenalty(penalty: number, last = -1): LogitsProcessor {
  const seen: VisitSeen =
    last < 0 ? seenTokens() : (prefix, visit) => new Set(tokensOf(prefix, last)).forEach(visit)
  return (logits, prefix) =>
    seen(prefix, (token) => {
      if (token >= logits.length) return
      logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty
    })
}

export interface OccurrencePenalties {
  /** Taken once from each token that occurred. */
  readonly presence: number
  /** Taken as often as it occurred. */
  readonly frequency: number
}

/**
 * Lowers the score of tokens that were generated before: l -= presence · [count > 0] + frequency · count (OpenAI's `presence_penalty` and
 * `frequency_penalty`; vLLM's `apply_penalties`). The prompt does not count.
 * @param promptLength tokens of the prompt
 * @param last counts among so many of the last tokens; by default -1, among all
 */
export function occurrencePenalties(
  { presence, frequency }: OccurrencePenalties,
  promptLength: number,
  last = -1,
): LogitsProcessor {
  const counts = last < 0 ? countsOfAll(promptLength) : countsOfLast(promptLength, last)
  return (logits, prefix) =>
    counts(prefix, (token, count) => {
      if (token < logits.length) logits[token] -= presence + frequency * count
    })
}

/** Visits the generated tokens, each once, with how often it was generated. */
type VisitCounts = (prefix: Prefix, visit: (token: number, count: number) => void) => void

function countsOfAll(promptLength: number): VisitCounts {
  const counts = prefixState(PrefixTable.empty, (table, { token, length }) =>
    length > promptLength ? table.add(token, token) : table,
  )
  return (prefix, visit) => counts(prefix).forEachKey(visit)
}

function countsOfLast(promptLength: number, last: number): VisitCounts {
  return (prefix, visit) => {
    const counts = new Map<number, number>()
    const generated = Math.max(0, prefix.length - promptLength)
    for (const token of tokensOf(prefix, Math.min(last, generated))) {
      counts.set(token, (counts.get(token) ?? 0) + 1)
    }
    for (const [token, count] of counts) visit(token, count)
  }
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
