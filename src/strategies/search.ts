import type { Prefix } from '../model/prefix.js'
import type { Choice, FinishReason, Request, StoppingCriterion } from './strategy.js'

/** A sequence to be continued in the best ways that a search finds; `R` is what is kept of each of its tokens. */
export interface SearchRequest<R> extends Request {
  /** Ends a candidate; it does so at `limit` tokens at the latest. */
  readonly stop: StoppingCriterion
  /** How many sequences are wanted. */
  readonly count: number
  /** Called once for each token that enters a beam, with what it follows. */
  readonly record: (choice: Choice, prefix: Prefix) => R
}

/** A sequence that is still in the race, or that has ended and may win. */
export interface Beam {
  readonly prefix: Prefix
  /** Sum of the log-probabilities of its generated tokens, nats; of one that has ended divided by its length as in `Hypothesis`. */
  readonly score: number
  readonly finished: boolean
}

/** What one forward pass of a search brought. */
export interface SearchStep<R> {
  /** Those that have not ended, best first, and then those that have. */
  readonly beams: readonly Beam[]
  /** The tokens that all results now have in common, after those of earlier steps. */
  readonly settled: readonly R[]
}

/** A result of a search. */
export interface Hypothesis<R> {
  readonly prefix: Prefix
  /** Sum of the log-probabilities of its generated tokens, divided by their number to the power of the length penalty. */
  readonly score: number
  readonly reason: FinishReason
  /** By generated token the beam of the step before that it continued (HF's `beam_indices`). */
  readonly beamIndices: readonly number[]
  /** By generated token. */
  readonly records: readonly R[]
}

/** Follows several sequences at a time; its results are the best ones that it found, best first. */
export interface Search {
  search<R>(request: SearchRequest<R>): AsyncGenerator<SearchStep<R>, readonly Hypothesis<R>[], void>
}
