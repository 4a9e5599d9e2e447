import type { SampleScore } from '../selection/select.js'
import type { GeneratedSequence } from './sequence.js'

/** One of `best_of` samples. */
export type ScoredSample = GeneratedSequence & SampleScore

/** Several samples and the place of the best one. */
export interface BestOf {
  readonly samples: readonly ScoredSample[]
  readonly chosen: number
}
