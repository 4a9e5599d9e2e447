/** Rows of tokens for one micro-batch; every array is [rows, length]. */
export interface MicroBatch {
  readonly rows: number
  readonly length: number
  readonly ids: Int32Array
  /** The token that follows each. */
  readonly targets: Int32Array
  /** How much the prediction of each target counts. */
  readonly weights: Float32Array
  /** Tokens see those before them with the same number. */
  readonly segments: Int32Array
  /** What a frozen model's last block gives for each token, [rows, length, hidden]. */
  readonly states?: Float32Array
}

/**
 * What a head predicts that looks `distance` tokens beyond the next one: its targets and their weights, which are 0
 * where the row ends before, or another segment begins.
 */
export function targetsAhead(
  { rows, length, targets, weights, segments }: MicroBatch,
  distance: number,
): Pick<MicroBatch, 'targets' | 'weights'> {
  if (distance === 0) return { targets, weights }
  const ahead = { targets: new Int32Array(rows * length), weights: new Float32Array(rows * length) }
  for (let i = 0; i < rows * length; i++) {
    const j = i + distance
    if ((i % length) + distance >= length || segments[j] !== segments[i]) continue
    ahead.targets[i] = targets[j]
    ahead.weights[i] = weights[j]
  }
  return ahead
}

/** The sum of the weights of all tokens. */
export function totalWeight(batches: readonly MicroBatch[]): number {
  return batches.reduce((sum, { weights }) => weights.reduce((total, weight) => total + weight, sum), 0)
}
