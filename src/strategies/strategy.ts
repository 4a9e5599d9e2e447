import type { KVCache, Model, StateName } from '../model/model.js'
import type { Prefix } from '../model/prefix.js'
import type { TokenTree } from '../model/token-tree.js'

/** Changes next-token scores in place, [vocab]; `prefix` is the sequence that they continue. */
export type LogitsProcessor = (logits: Float32Array, prefix: Prefix) => void

/**
 * A processor that depends on chance. Its random numbers follow from the seed, the sequence and the prefix's length alone, so that
 * what is drafted, or visited twice, shifts none of them.
 */
export type RandomProcessor = (logits: Float32Array, prefix: Prefix, random: Random) => void

export type FinishReason = 'eos' | 'length' | 'stop' | 'time' | 'custom' | 'interrupted'

/** Says why generation ends after `prefix`, or undefined to go on. */
export type StoppingCriterion = (prefix: Prefix) => FinishReason | undefined

/** Uniform numbers in [0, 1). */
export type Random = () => number

/** Proposes how a sequence goes on. */
export interface Drafter {
  /** The states of the target that it reads; by default none. */
  readonly states?: readonly StateName[]
  /** The best of the target's scores that it reads of each node; by default none. Others may be -Infinity. */
  readonly logits?: number
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
  /** A draft for the first pass, which runs the prompt: before there is a hidden state; by default none. */
  begin?(prefix: Prefix, limit: number): TokenTree
  /** Called after each pass of the target, with what came of it. */
  verified?(step: VerifiedStep): void
  dispose?(): void
}

/** A pass of the target, as its drafters are told of it; arrays are views, valid during the call. */
export interface VerifiedStep {
  /** What was run; no nodes where nothing was drafted. */
  readonly draft: TokenTree
  /** Whether it was this drafter's draft, and not that of another one beside it; true where nothing was drafted. */
  readonly isOwn: boolean
  /** The accepted nodes, root to leaf. */
  readonly path: readonly number[]
  /** The sequence from now on: its last token follows the path. */
  readonly prefix: Prefix
  /** Raw scores after any node, [vocab]; -1 is the last token before the draft. For drafters that name `logits`. */
  logits(node: number): Float32Array
  /**
   * A state that `states` names, at the tokens that the pass added to the cache: the last ones before the sequence's last token,
   * [hidden] each.
   * @throws TypeError where the target does not give it, RangeError where `states` does not name it
   */
  states(name: StateName): readonly Float32Array[]
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
  /** Sets scores of what is out of the question to -Infinity, as `processors` do, for a model whose scores depend on its best tokens. */
  readonly possible?: LogitsProcessor
  /** For drafters: what they draw changes nothing of what the target draws. */
  readonly draftRandom: Random
  /** The most tokens that the sequence may have, prompt included. */
  readonly limit: number
  /** The best scores of each node that the processors and the verifier need; by default all. */
  readonly topK?: number
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
  /** Milliseconds that the draft, with what the drafter made of the pass before the next one, and the pass took. */
  readonly time?: { readonly draft: number; readonly pass: number }
}

/** Decodes a sequence step by step, up to its limit; the caller ends it earlier by returning the generator. */
export type Strategy = (request: Request) => AsyncGenerator<Step, void, void>
