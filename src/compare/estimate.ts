import { median } from '../median.js'
import { createRandom } from '../random.js'
import type { Estimate } from '../report/comparison.js'

/** Samples that an interval is read from. */
const RESAMPLES = 2000
/** Of the resampled medians, left out on each side. */
const TAIL = 0.025

/**
 * The median with the percentile bootstrap's interval of 95% (Efron 1979): that of the medians of as many values, drawn with
 * replacement.
 */
export function estimate(values: readonly number[], seed: number): Estimate {
  const random = createRandom(seed)
  const draw = () => values[Math.floor(random() * values.length)]
  const medians = Float64Array.from({ length: RESAMPLES }, () => median(values.map(draw))).sort()
  const outside = Math.floor(RESAMPLES * TAIL)
  return { median: median(values), low: medians[outside], high: medians[RESAMPLES - 1 - outside] }
}
