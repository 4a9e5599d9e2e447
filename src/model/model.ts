/** The keys and values of a token tree: each token that was fed has a slot; slots are numbered by age. */
export interface KVCache {
  /** Slots in use. */
  readonly length: number
  /** Keeps these slots (ascending), renumbered from 0, and forgets the others. */
  keep(slots: readonly number[]): void
  dispose(): void
}

/**
 * States of a model: the last hidden state after the final norm; what the last block gives, before that norm; and by HF's numbers of
 * `hidden_states` those of the layers that it taps, not normed.
 */
export type StateName = 'hidden' | 'residual' | number

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
  /**
   * The state of a layer that the model taps, [hidden]; of every node, asked or not.
   * @throws RangeError for a layer that the pass was told to leave out, or that is not tapped
   */
  tap?(node: number, layer: number): Float32Array
  /**
   * What processors start from, where that is not `logits` (under guidance): a new array, [vocab].
   * @param keepPossible sets raw scores of tokens that are out of the question to -Infinity: they are none of those that others are compared with
   */
  scores?(node: number, keepPossible?: (logits: Float32Array) => void): Float32Array
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
   * Top-k scores to bring from the device after each node; by default all. Those that equal the last of them count as well, but for 1,
   * the first of the best. `logits` may be -Infinity for the others.
   */
  readonly topK?: number
  /** The states that are wanted; by default all. From a device others do not come back. */
  readonly states?: readonly StateName[]
  /** Ends a pass that takes several runs, such as a long prompt's, with its reason; the cache is then as it was. */
  readonly signal?: AbortSignal
}

/**
 * A state of a node by its name, [hidden].
 * @throws TypeError where the model gives none of the kind, RangeError where the pass left it out
 */
export function stateAt(output: Output, name: StateName, node: number): Float32Array {
  if (name === 'hidden') return output.hidden(node)
  const state = name === 'residual' ? output.residual?.(node) : output.tap?.(node, name)
  if (state) return state
  const what = name === 'residual' ? 'what comes before its final norm' : `the state of layer ${name}`
  throw new TypeError(`What drafts needs a model that gives ${what}.`)
}

/** What a model cannot give, each with why: a clause. */
export interface Lacks {
  /** Layers, early exits and weights, which a graph of our own has. */
  readonly graph?: string
  /** Hidden states. */
  readonly states?: string
  /** Tokens that are taken back or run side by side, as drafts and beams are, at the cost of the tokens themselves. */
  readonly trees?: string
}

/** A causal language model over token trees. */
export interface Model {
  /** By default nothing. */
  readonly lacks?: Lacks
  /** The layers of which forward passes give early exits, in their order, by HF's numbers of `hidden_states`. */
  readonly exits?: readonly number[]
  /** The layers whose states forward passes give where they are asked for, by the same numbers. */
  readonly taps?: readonly number[]
  readonly vocabSize: number
  readonly hiddenSize: number
  /** The longest sequence (root to leaf) the model was made for, tokens. */
  readonly maxPositions: number
  /** The one that its files give, where that is longer (`DecoderSpec.longContext`). */
  readonly longContext?: number
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
export interface NativeBatchModel extends Model {
  newCache(): Branch
  /**
   * As `forward` for each, of caches that differ.
   * @returns by pass, valid until the next one
   */
  forwardAll(passes: readonly Pass[]): Promise<Output[]>
}
