import { noToken } from './no-token.js'
import { maximum } from './ranking.js'
import { expNegative } from './softmax.js'
import type { Random } from './types.js'

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
    const best: Candidate[] = []
    let floor = -Infinity
    for (const [beam, row] of rows.entries()) {
      for (let token = 0; token < row.length; token++) {
        const sum = sums[beam] + row[token]
        if (!(sum > floor)) continue
        if (sum === Infinity) throw noToken()
        let place = best.length
        while (place > 0 && best[place - 1].sum < sum) place--
        best.splice(place, 0, { beam, token, sum })
        if (best.length > count) best.pop()
        if (best.length === count) floor = best[count - 1].sum
      }
    }
    return best
  }
}

/**
 * Draws `count` without replacement, each with a probability proportional to exp(sum), in the order drawn (HF's beam
 * sample; `torch.multinomial`); fewer where fewer are possible. Each takes one random number.
 */
export function drawWithoutReplacement(): Select {
  return (rows, sums, count, random) => {
    const best = Math.max(...rows.map((row, beam) => sums[beam] + maximum(row)))
    if (best === -Infinity) return []
    if (!Number.isFinite(best)) throw noToken()
    const weights = rows.map((row, beam) =>
      Float64Array.from(row, (logprob) => {
        const sum = sums[beam] + logprob
        return sum === -Infinity ? 0 : expNegative(sum - best)
      }),
    )
    const totals = weights.map((row) => row.reduce((a, b) => a + b, 0))
    const drawn: Candidate[] = []
    while (drawn.length < count) {
      const total = totals.reduce((a, b) => a + b, 0)
      const found = locate(weights, totals, random() * total)
      if (!found) break
      const { beam, token } = found
      drawn.push({ beam, token, sum: sums[beam] + rows[beam][token] })
      weights[beam][token] = 0
      // Anew, since differences would leave rounding behind where nothing is left.
      totals[beam] = weights[beam].reduce((a, b) => a + b, 0)
    }
    return drawn
  }
}

/** The entry at which the running sum passes `target`; rounding may leave it to the last one that is positive. */
function locate(weights: readonly Float64Array[], totals: readonly number[], target: number) {
  let left = target
  let last: { beam: number; token: number } | undefined
  for (const [beam, row] of weights.entries()) {
    const skip = left >= totals[beam] && totals.slice(beam + 1).some((total) => total > 0)
    if (skip || totals[beam] === 0) {
      left -= totals[beam]
      continue
    }
    for (let token = 0; token < row.length; token++) {
      if (row[token] === 0) continue
      last = { beam, token }
      if (left < row[token]) return last
      left -= row[token]
    }
  }
  return last
}
