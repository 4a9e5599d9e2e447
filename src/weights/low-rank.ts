/** A low-rank update of a matrix, scale · B A (Hu et al. 2022, section 4.1). */
export interface LowRank {
  /** A, [rank, columns]. */
  readonly narrow: Float32Array
  /** B, [rows, rank]. */
  readonly wide: Float32Array
  readonly rank: number
  readonly scale: number
}

/**
 * Adds a low-rank update to a matrix in place. Sums are in float64, rounded once.
 * @param values [rows, columns]
 */
export function addLowRank(
  values: Float32Array,
  columns: number,
  { narrow, wide, rank, scale }: LowRank,
): void {
  const sums = new Float64Array(columns)
  for (let row = 0; row * columns < values.length; row++) {
    sums.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = scale * wide[row * rank + k]
      for (let column = 0; column < columns; column++) sums[column] += factor * narrow[k * columns + column]
    }
    for (let column = 0; column < columns; column++) values[row * columns + column] += sums[column]
  }
}

/**
 * Gives each row of a matrix, in place, the Euclidean norm that is asked for (DoRA, Liu et al. 2024, equation 5).
 * @param values [norms.length, columns]
 */
export function setRowNorms(values: Float32Array, norms: Float32Array): void {
  const columns = values.length / norms.length
  for (let row = 0; row < norms.length; row++) {
    const own = values.subarray(row * columns, (row + 1) * columns)
    const factor = norms[row] / Math.sqrt(own.reduce((sum, value) => sum + value * value, 0))
    for (let column = 0; column < columns; column++) own[column] *= factor
  }
}
