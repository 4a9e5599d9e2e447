import type { KVCache, Model, StateName } from '../model/model.js'
import type { Prefix } from '../model/prefix.js'
import type { TokenTree } from '../model/token-tree.js'

/** Changes next-token scores in place, [vocab]; `prefix` is the sequence that they continue. */
export type LogitsProcessor = (logits: Float32Array, prefix: Prefix) => void

export type FinishReason = 'eos' | 'length' | 'stop' | 'time' | 'custom' | 'interrupted'

/** Says why generation ends after `prefix`, or undefined to go on. */
export type StoppingCriterion = (prefix: Prefix) => FinishReason | undefined

/** Uniform numbers in [0, 1). */
export type Random = () => number

/** Proposes how a sequence goes on. */
export interface Drafter {
  /** The states of the target that it reads; by default none. */
  readonly states?: readonly StateName[]
  /**
   * @param prefix the sequence so far
   * @param last the target's final hidden state at the sequence's last but one token, [hidden]: the one that its last
   *   token was chosen from; where `states` names it
   * @param limit most tokens that a path of the tree may have
   * @param size nodes that are wanted, those of a larger tree that come first; by default all
   */
  draft(
    prefix: Prefix,
    last: { readonly hidden: Float32Array },
    limit: number,
    size?: number,
  ): Promise<TokenTree> | TokenTree
  /**
   * Called after each pass of the target.
   * @param drafted nodes of the draft that it ran; 0 where there was none
   * @param path those that were accepted
   */
  verified?(drafted: number, path: readonly number[]): void
  /**
   * Called after that, for drafters that need the target's states.
   * @param prefix the sequence so far
   * @param hidden the target's final hidden states at the tokens that the pass added to the cache, [hidden] each: the last
   *   ones before the sequence's last token; valid during the call; none where `states` does not name them
   * @param residual the same before the final norm, where `states` names it and the target gives it
   */
  observe?(prefix: Prefix, hidden: readonly Float32Array[], residual?: readonly Float32Array[]): void
  dispose?(): void
}

/**
 * Decides which of a draft's tokens stay.
 * @param target the target's processed scores after a node of the draft, [vocab]; -1 is the last committed token
 * @returns the accepted nodes, root to leaf, and the token that follows them
 */
export type Verifier = (
  draft: TokenTree,
  target: (node: number) => Float32Array,
  random: Random,
) => { path: number[]; next: number }

/** A sequence to be continued. */
export interface Request {
  readonly model: Model
  /** Holds the first tokens of the prompt as a chain, or nothing; not the last one. */
  readonly cache: KVCache
  readonly prompt: Prefix
  /** Run on the scores of each node that is visited. */
  readonly processors: readonly LogitsProcessor[]
  readonly random: Random
  /** For drafters: what they draw changes nothing of what the target draws. */
  readonly draftRandom: Random
  /** The most tokens that the sequence may have, prompt included. */
  readonly limit: number
}

/** Makes the drafter of one sequence; the loop that uses it disposes of it. */
export type CreateDrafter = (request: Request) => Drafter

/** A decoded token, and what it was chosen from; the arrays are valid until the strategy goes on. */
export interface Choice {
  readonly token: number
  /** Raw scores, [vocab]. */
  readonly logits: Float32Array
  /** Scores as the processors left them, [vocab]. */
  readonly scores: Float32Array
  /** The hidden state that gave them, [hidden], where it was wanted. */
  readonly hidden: Float32Array
}

/** What one forward pass of the target decoded. */
export interface Step {
  readonly choices: readonly Choice[]
  /** Nodes of the draft. */
  readonly drafted: number
  readonly accepted: number
  /** The longest path of the draft, tokens; by default it is a chain. */
  readonly depth?: number
  /** Milliseconds that the draft and the pass took. */
  readonly time?: { readonly draft: number; readonly pass: number }
}

/** Decodes a sequence step by step, up to its limit; the caller ends it earlier by returning the generator. */
export type Strategy = (request: Request) => AsyncGenerator<Step, void, void>
