import type { ForwardOptions, KVCache, Output } from './model.js'

/** What one head expects at its place: tokens, most probable first, and their log-probabilities (nats). */
export interface Candidates {
  readonly tokens: ArrayLike<number>
  readonly logProbabilities: ArrayLike<number>
}

/** What heads expect, given the hidden state that the next token was chosen from. */
export interface Guesses {
  /** How many tokens after the next one they guess. */
  readonly heads: number
  /**
   * @param paths tokens from the next one on, all equally many, which the heads may be given: what comes after k of them is for head k
   * @returns candidates after each path
   */
  after(paths: readonly (readonly number[])[]): Promise<readonly Candidates[]>
}

/** Guesses from the final hidden state, [hidden]. */
export type Heads = (hidden: Float32Array) => Promise<Guesses>

/** What a module is given at a position: a hidden state, and a token after it. */
export interface MtpItem {
  readonly token: number
  /** [hidden]. */
  readonly state: Float32Array
}

/** A module that predicts one token more; what its block gives is the state for the next depth. */
export interface MtpModule {
  newCache(): KVCache
  forward(
    cache: KVCache,
    items: readonly MtpItem[],
    parents: readonly number[],
    nodes?: readonly number[],
    options?: ForwardOptions,
  ): Promise<Required<Pick<Output, 'logits' | 'residual'>>>
}

/** Heads that each predict one token more than the one before, all from the same states. */
export interface ParallelHeads {
  newCache(): KVCache
  /**
   * Runs states that follow those of the cache.
   * @param states what the target's last block gave, [hidden] each
   * @returns each head's raw scores after the last one, [vocab], or one for each of the draft's tokens
   */
  append(cache: KVCache, states: readonly Float32Array[]): Promise<readonly Float32Array[]>
}
