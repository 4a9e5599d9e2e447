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
  return { ...entry(token), top: topIndices(logits, count).map(entry) }
}

/** The indices of the `count` largest values, largest first; of equals the first. */
function topIndices(values: Float32Array, count: number): number[] {
  const top: number[] = []
  for (let i = 0; i < values.length; i++) {
    if (top.length === count && !(values[i] > values[top[count - 1]])) continue
    let at = top.length
    while (at > 0 && values[i] > values[top[at - 1]]) at--
    top.splice(at, 0, i)
    if (top.length > count) top.pop()
  }
  return top
}
