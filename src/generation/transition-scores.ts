import { logSumExp } from '../strategies/softmax.js'

/**
 * The score that each token had in its step, as HF's `compute_transition_scores` for sequences without beams.
 * @param ids generated tokens
 * @param scores processed scores of each step, [vocab] each (`output_scores`)
 * @param options.normalizeLogits gives log-probabilities: log-softmax of each step's scores
 */
export function computeTransitionScores(
  ids: readonly number[],
  scores: readonly Float32Array[],
  { normalizeLogits = false }: { normalizeLogits?: boolean } = {},
): number[] {
  if (ids.length !== scores.length) {
    throw new RangeError(`${ids.length} tokens do not belong to ${scores.length} steps of scores.`)
  }
  return ids.map((id, step) => scores[step][id] - (normalizeLogits ? logSumExp(scores[step]) : 0))
}
