import { noToken } from '../no-token.js'
import { maximum } from '../ranking.js'
import { expNegative } from '../softmax.js'
import type { Random } from '../strategy.js'
import { SumTree } from '../sum-tree.js'

/** A token that may follow a beam. */
export interface Candidate {
  /** Which beam. */
  readonly beam: number
  readonly token: number
  /** The beam's sum of log-probabilities with this token's. */
  readonly sum: number
}

/** Picks candidates. @throws UserError for sums that are Infinity @param rows by beam the log-probabilities of its next token, [vocab] each @param sums by beam */
export type Select = (
  rows: readonly Float32Array[],
  sums: readonly number[],
  count: number,
  random: Random,
) => Candidate[]

/** The `count` best ones, best first, of equals those of earlier beams and tokens; impossible ones are none. */
export function selectBest(): Select {
  return (rows, sums, count) => {
    let best: Candidate[] = []
    let floor = -Infinity
    // Sorted each time twice as many have come together, so that many beams take time in proportion.
    const trim = () => {
      best = best.sort((a, b) => b.sum - a.sum).slice(0, count)
      if (best.length === count) floor = best[count - 1].sum
    }
    for (const [beam, row] of rows.entries()) {
      for (let token = 0; token < row.length; token++) {
        const sum = sums[beam] + row[token]
        if (!(sum > floor)) continue
        if (sum === Infinity) throw noToken()
        best.push({ beam, token, sum })
        if (best.length >= 2 * count) trim()
      }
    }
    trim()
    return best
  }
}

/**
 * Draws `count` without replacement, each with a probability proportional to exp(sum), in the order drawn (HF's beam
 * sample; `torch.multinomial`); fewer where fewer are possible. Each takes one random number.
 */
export function drawWithoutReplacement(): Select {
  return (rows, sums, count, random) => {
    const best = rows.reduce((most, row, beam) => Math.max(most, sums[beam] + maximum(row)), -Infinity)
    if (best === -Infinity) return []
    if (!Number.isFinite(best)) throw noToken()
    const weightsOf = (beam: number) =>
      Float64Array.from(rows[beam], (logprob) => {
        const sum = sums[beam] + logprob
        return sum > -Infinity ? expNegative(sum - best) : 0
      })
    const totals = new SumTree(rows.map((_, beam) => weightsOf(beam).reduce((a, b) => a + b, 0)))
    // Made anew where a draw comes to a beam: of many beams few are drawn from.
    const weights = new Map<number, Float64Array>()
    const drawn: Candidate[] = []
    while (drawn.length < count && totals.total > 0) {
      const { index: beam, rest } = totals.locate(random() * totals.total)
      const row = weights.get(beam) ?? weightsOf(beam)
      weights.set(beam, row)
      const token = tokenAt(row, rest)
      drawn.push({ beam, token, sum: sums[beam] + rows[beam][token] })
      row[token] = 0
      // Anew, since differences would leave rounding behind where nothing is left.
      totals.set(
        beam,
        row.reduce((a, b) => a + b, 0),
      )
    }
    return drawn
  }
}

/** The entry at which the running sum passes `target`; rounding may leave it to the last one that is positive. */
function tokenAt(row: Float64Array, target: number): number {
  let left = target
  let last = -1
  for (let token = 0; token < row.length; token++) {
    if (row[token] === 0) continue
    last = token
    if (left < row[token]) return last
    left -= row[token]
  }
  return last
}
