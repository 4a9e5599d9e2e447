import { Ranking } from '../strategies/ranking.js'
import { logSumExp } from '../strategies/softmax.js'

export interface TokenProbability {
  readonly id: number
  /** The token as the vocabulary spells it. */
  readonly token: string
  /** Natural logarithm. */
  readonly logprob: number
}

/** A decoded token's log-probability under the model, and the most probable tokens in its place. */
export interface TokenLogprobs extends TokenProbability {
  readonly top: readonly TokenProbability[]
}

const ranking = new Ranking()

/**
 * Log-softmax of the raw scores, before any processor: what the model itself thinks of the token.
 * @param logits [vocab]
 * @param count most probable tokens to name
 */
export function tokenLogprobs(
  logits: Float32Array,
  token: number,
  count: number,
  spell: (id: number) => string,
): TokenLogprobs {
  const total = logSumExp(logits)
  const entry = (id: number) => ({ id, token: spell(id), logprob: logits[id] - total })
  return { ...entry(token), top: (count > 0 ? ranking.read(logits).top(count) : []).map(entry) }
}
