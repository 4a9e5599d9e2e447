import type { Alternatives } from './constraints.js'
import type { Select } from './selection.js'

/** When to end with sequences left that might win: at once, never, or by HF's heuristic (false). */
export type EarlyStopping = boolean | 'never'

export interface BeamOptions {
  /** Of all groups together. */
  readonly numBeams: number
  /** Exponent of the length that divides the score of what has ended. */
  readonly lengthPenalty: number
  readonly earlyStopping: EarlyStopping
  /** Candidates by beam: with one more than there are tokens that end a sequence, every beam can go on. */
  readonly candidatesPerBeam: number
  /** Makes the choice of candidates: the best ones, or a draw. */
  readonly select: () => Select
  /** Diverse beam search (Vijayakumar et al. 2018): what earlier groups chose in a step costs `penalty` each time. */
  readonly groups?: {
    readonly count: number
    readonly penalty: number
    /** As in HF, each beam of a group that has ended goes on choosing the padding token. */
    readonly padToken: number
  }
  /** Words of which each has to occur. */
  readonly constraints?: readonly Alternatives[]
}
