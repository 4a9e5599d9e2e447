/**
 * A sequence as an immutable linked list, newest token first, prompt included. State that belongs to a
 * sequence (tokens seen, a grammar's matcher) hangs off its nodes in a WeakMap, so that a rejected branch is
 * garbage and nothing is rolled back.
 */
export interface Prefix {
  readonly token: number
  readonly parent: Prefix | undefined
  /** Number of tokens from the first prompt token up to and including this one. */
  readonly length: number
}

/** Candidate continuations in topological order; parent -1 is the last committed token. */
export interface TokenTree {
  tokens: number[]
  parents: number[]
  /** The drafter's distribution at each node's parent, [vocab] each; absent for a deterministic draft. */
  probs?: Float32Array[]
}

/** The keys and values of a token tree: each token that was fed has a slot; slots are numbered by age. */
export interface KVCache {
  /** Slots in use. */
  readonly length: number
  /** Keeps these slots (ascending), renumbered from 0, and forgets the others. */
  keep(slots: readonly number[]): void
  dispose(): void
}

/** States of a model: the last hidden state after the final norm, and what the last block gives, before that norm. */
export type StateName = 'hidden' | 'residual'

/** What a forward pass gives for the asked nodes. The arrays are valid until the next forward. */
export interface Output {
  /** Raw next-token scores after this node, [vocab]. */
  logits(node: number): Float32Array
  /**
   * The last hidden state after the final norm, [hidden]; of every node, asked or not.
   * @throws RangeError where the pass was told to leave it out
   */
  hidden(node: number): Float32Array
  /** The same before the final norm, where the model gives it. */
  residual?(node: number): Float32Array
  /** What processors start from, where that is not `logits` (under guidance): a new array, [vocab]. */
  scores?(node: number): Float32Array
  /** By the model's `exits`, where it has some. */
  exits?(node: number): readonly EarlyExit[]
}

/** What a layer before the last one says of the next token. */
export interface EarlyExit {
  /** Raw next-token scores, [vocab]: the vocabulary projection of `hidden`. */
  readonly logits: Float32Array
  /** Not normed, [hidden]. */
  readonly hidden: Float32Array
}

/** What of a pass's results is wanted. */
export interface ForwardOptions {
  /**
   * So many of the best scores after each node; by default all. Those that equal the last of them count as well, but for 1,
   * the first of the best. `logits` may be -Infinity for the others.
   */
  readonly shortlist?: number
  /** The states that are wanted; by default all. From a device others do not come back. */
  readonly states?: readonly StateName[]
  /** Ends a pass that takes several runs, such as a long prompt's, with its reason; the cache is then as it was. */
  readonly signal?: AbortSignal
}

/** A causal language model over token trees. */
export interface Model {
  /** The layers of which forward passes give early exits, in their order, by HF's numbers of `hidden_states`. */
  readonly exits?: readonly number[]
  readonly vocabSize: number
  readonly hiddenSize: number
  /** The longest sequence (root to leaf) the model was made for, tokens. */
  readonly maxPositions: number
  /** @param prompt what is about to be run: a model that keeps caches may give one that holds the beginning of it */
  newCache(prompt?: readonly number[]): KVCache
  /**
   * Appends `tokens` to the cache and runs them. `parents[i]` is the cache slot of token i's predecessor, -1
   * for the start of a sequence; new tokens take the slots `cache.length + i`, so a parent may be one of them.
   * @param nodes indices into `tokens` whose logits and hidden states are wanted; all by default.
   */
  forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    options?: ForwardOptions,
  ): Promise<Output>
}

/** A pass of one of several caches. */
export interface Pass {
  readonly cache: KVCache
  readonly tokens: readonly number[]
  readonly parents: readonly number[]
  readonly nodes: readonly number[]
  readonly options?: ForwardOptions
}

/** The cache of one of several sequences. */
export interface Branch extends KVCache {
  /** A cache that goes on from the same tokens. */
  fork(): Branch
}

/** A model that runs passes of several caches as one. */
export interface BatchModel extends Model {
  newCache(): Branch
  /**
   * As `forward` for each, of caches that differ.
   * @returns by pass, valid until the next one
   */
  forwardAll(passes: readonly Pass[]): Promise<Output[]>
}

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

/** A sequence to be continued in the best ways that a search finds; `R` is what is kept of each of its tokens. */
export interface SearchRequest<R> extends Request {
  /** Ends a candidate; it does so at `limit` tokens at the latest. */
  readonly stop: StoppingCriterion
  /** How many sequences are wanted. */
  readonly count: number
  /** Called once for each token that enters a beam. */
  readonly record: (choice: Choice) => R
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
