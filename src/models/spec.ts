export type AttentionKind = 'full' | 'sliding'

/** Everything that the graph of a decoder depends on, beside its weights. */
export interface DecoderSpec {
  /** HF's `model_type`. */
  readonly family: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** The longest sequence the model was made for, tokens. */
  readonly maxPositions: number
  readonly normEpsilon: number
  /** One entry a layer. */
  readonly layers: readonly AttentionKind[]
  /** Tokens that a sliding layer looks at, itself included. */
  readonly slidingWindow: number | undefined
  /** Inverse frequencies of the rotary embedding by kind of layer, [headDim / 2]. */
  readonly rope: Readonly<Record<AttentionKind, readonly number[]>>
  /** Factor of query · key before the softmax. */
  readonly attentionScale: number
  readonly activation: 'silu' | 'gelu_tanh' | 'gelu' | 'relu2'
  readonly embeddingScale: number
  /** The vocabulary projection is the embedding matrix. */
  readonly tiedHead: boolean
  /** Queries and keys are normed head by head before they are rotated. */
  readonly qkNorm: boolean
  /** Where attention and MLP are normed: their input alone, or their output as well, before it is added to the residual stream. */
  readonly norms: 'pre' | 'both'
  /** Norms scale by this + w. */
  readonly normOffset: 0 | 1
  /** Precision of the residual stream and its norms: float32 where its values exceed 65504, the largest float16. */
  readonly residual: 'float32' | 'as weights'
  readonly bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean }
  /** Norms are LayerNorm, (x - mean) / deviation · w, with + b or without; undefined: RMSNorm. */
  readonly layerNorm?: { readonly bias: boolean }
  /** `plain`: down(activation(up(x))); undefined: gated, down(activation(gate(x)) · up(x)). */
  readonly mlp?: 'plain'
  /**
   * Attention and MLP are given the same residual, and are added to it at once: normed by one norm for both (Cohere) or by one each
   * (GPT-NeoX); undefined: the MLP is given the residual with the attention's output added.
   */
  readonly parallel?: 'one norm' | 'two norms'
  /** Positions are rows of a table, [maxPositions, hidden], that are added to the embeddings. */
  readonly learnedPositions?: true
}

/**
 * What a specification is told by in the keys of caches and the fingerprints of models, as JSON. Files that lie on disk were named
 * by it: fields come in this order, the norms, which follow from the family, are one, and a new field is undefined in families that
 * were there before it.
 */
export function specIdentity(spec: DecoderSpec): Readonly<Record<string, unknown>> {
  const { norms, normOffset: _, residual: __, bias, ...fields } = spec
  return { ...fields, gemmaNorms: norms === 'both', bias }
}
