/**
 * What a layer's tokens attend to, all before them or those of a window, and whether queries and keys are rotated: layers without
 * positions are called NoPE (Kazemnejad et al. 2023).
 */
export type AttentionKind = 'full' | 'sliding' | 'full_nope' | 'sliding_nope'

/** What mixes the tokens of a layer: attention of some kind, or a short convolution. */
export type LayerKind = AttentionKind | 'conv'

/** What a token sees, of which there is a mask each. */
export type AttentionSpan = 'full' | 'sliding'

/** A kind's parts: its mask's, and the rotary embedding's; undefined where nothing is rotated. */
export const ATTENTION_KINDS: Readonly<
  Record<AttentionKind, { readonly span: AttentionSpan; readonly rope: AttentionSpan | undefined }>
> = {
  full: { span: 'full', rope: 'full' },
  sliding: { span: 'sliding', rope: 'sliding' },
  full_nope: { span: 'full', rope: undefined },
  sliding_nope: { span: 'sliding', rope: undefined },
}

/** The spans that a model's attention layers have, and those with a rotary embedding. */
export function spansOf({ layers }: Pick<DecoderSpec, 'layers'>): {
  seen: Set<AttentionSpan>
  rotated: Set<AttentionSpan>
} {
  const kinds = [...new Set(layers)].flatMap((kind) => (kind === 'conv' ? [] : ATTENTION_KINDS[kind]))
  const rotated = kinds.flatMap(({ rope }) => rope ?? [])
  return { seen: new Set(kinds.map(({ span }) => span)), rotated: new Set(rotated) }
}

/** Tokens that a token of a layer sees, itself included; undefined for all before it. */
export function windowOf({ slidingWindow }: Pick<DecoderSpec, 'slidingWindow'>, span: AttentionSpan) {
  return span === 'sliding' ? slidingWindow : undefined
}

/** Everything that the graph of a decoder depends on, beside its weights. Optional fields are of a kind that few families have. */
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
  readonly layers: readonly LayerKind[]
  /** Tokens that a sliding layer looks at, itself included. */
  readonly slidingWindow: number | undefined
  /** Inverse frequencies of the rotary embedding by kind of layer, [headDim / 2]; 0 for dimensions that are not rotated. */
  readonly rope: Readonly<Record<AttentionSpan, readonly number[]>>
  /** Factors of cosines and sines, HF's `attention_factor` of YaRN and LongRoPE; 1 where absent. */
  readonly ropeFactor?: Readonly<Record<AttentionSpan, number>>
  /** Factor of query · key before the softmax. */
  readonly attentionScale: number
  /** Queries at position p are scaled by 1 + beta · ln(1 + ⌊p / length⌋), HF's `llama_4_scaling_beta`. */
  readonly queryScale?: { readonly beta: number; readonly length: number }
  /** c of c · tanh(score / c), before the mask. */
  readonly attentionSoftcap?: number
  readonly activation: 'silu' | 'gelu_tanh' | 'gelu' | 'relu2'
  readonly embeddingScale: number
  /** The vocabulary projection is the embedding matrix. */
  readonly tiedHead: boolean
  /**
   * Norms of queries and keys: head by head before they are rotated (`true`), over all heads at once before it, or head by head
   * after it.
   */
  readonly qkNorm: boolean | 'all heads' | 'rotated'
  /** What of attention and MLP is normed: their input, their output before it is added to the residual stream, or both. */
  readonly norms: 'pre' | 'both' | 'post'
  /** Norms scale by this + w. */
  readonly normOffset: 0 | 1
  /** Precision of the residual stream and its norms: float32 where its values exceed 65504, the largest float16. */
  readonly residual: 'float32' | 'as weights'
  /** Factor of what attention and MLP add to the residual stream. */
  readonly residualMultiplier?: number
  /** What the logits are divided by. */
  readonly logitDivisor?: number
  /** c of c · tanh(logit / c), after the divisor. */
  readonly logitSoftcap?: number
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
  /** A mixture of experts in place of the MLP of some layers. */
  readonly experts?: Experts
  /** Positions are rows of a table, [maxPositions, hidden], that are added to the embeddings. */
  readonly learnedPositions?: true
  /** The context that files give, where it is longer than `maxPositions`: LongRoPE's factors for longer texts are not served. */
  readonly longContext?: number
  /** Of the layers that have one. */
  readonly convolution?: ShortConvolution
}

/**
 * LFM2's gated short convolution (HF's `Lfm2ShortConv`): of B, C and x, projections of a layer's input, out(C · conv(B · x)), where conv
 * is causal and each channel has a kernel of its own.
 */
export interface ShortConvolution {
  /** Tokens that a token is made of, itself included. */
  readonly kernel: number
  /** Of the convolution and its projections. */
  readonly bias: boolean
}

/** The convolution of a model that has layers of this kind. */
export function convolutionOf({
  layers,
  convolution,
}: Pick<DecoderSpec, 'layers' | 'convolution'>): ShortConvolution | undefined {
  return layers.includes('conv') ? convolution : undefined
}

/**
 * A sparsely gated mixture of experts (Shazeer et al. 2017), each a gated MLP: of p = softmax(router(x)) over all of them a token
 * takes the largest, and adds up p · expert(x).
 */
export interface Experts {
  readonly count: number
  /** Experts that a token takes. */
  readonly perToken: number
  /** Of each expert. */
  readonly intermediateSize: number
  /** Whether the weights of a token's experts are divided by their sum (HF's `norm_topk_prob`). */
  readonly normalised: boolean
  /** The layers that have experts, from 0; others have a plain MLP of the specification's `intermediateSize`. */
  readonly layers: readonly number[]
  /** A gated MLP that each token takes as well, times the sigmoid of a gate of its own. */
  readonly shared?: { readonly intermediateSize: number }
}

/** A layer's experts; undefined where it has a plain MLP. */
export function expertsOf({ experts }: Pick<DecoderSpec, 'experts'>, layer: number): Experts | undefined {
  return experts?.layers.includes(layer) ? experts : undefined
}

/** How the vocabulary projection's results become logits. */
export type LogitScale = Pick<DecoderSpec, 'logitDivisor' | 'logitSoftcap'>

/**
 * What a specification is told by in the keys of caches and the fingerprints of models, as JSON. Files that lie on disk were named
 * by it: fields come in this order, the norms of the first families are one, and a new field is undefined in families that were
 * there before it. The context beyond what is served changes no result.
 */
export function specIdentity(spec: DecoderSpec): Readonly<Record<string, unknown>> {
  const { norms, normOffset, residual, bias, longContext: _, ...fields } = spec
  const isNamed = [LLAMA_NORMS, GEMMA_NORMS].some(
    (named) => named.norms === norms && named.normOffset === normOffset && named.residual === residual,
  )
  const others = isNamed ? {} : { norms, normOffset, residual }
  return { ...fields, gemmaNorms: norms === 'both', ...others, bias }
}

type Norms = Pick<DecoderSpec, 'norms' | 'normOffset' | 'residual'>

const LLAMA_NORMS: Norms = { norms: 'pre', normOffset: 0, residual: 'as weights' }
const GEMMA_NORMS: Norms = { norms: 'both', normOffset: 1, residual: 'float32' }
