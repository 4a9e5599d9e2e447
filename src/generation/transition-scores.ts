import { logSumExp } from '../strategies/softmax.js'

/**
 * The score that each token had in its step (HF's `compute_transition_scores`). The scores of a beam are those of its own
 * path, so that no `beam_indices` are needed; they add up to its `sequence_score` times length ** length_penalty.
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
