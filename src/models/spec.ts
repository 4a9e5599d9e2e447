import { ConfigReader, type Family } from './config-reader.js'
import { inverseFrequencies } from './rope.js'

export { FAMILIES, type Family } from './config-reader.js'

export type AttentionKind = 'full' | 'sliding'

/** Everything that the graph of a decoder depends on, beside its weights. */
export interface DecoderSpec {
  readonly family: Family
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
  readonly activation: 'silu' | 'gelu_tanh'
  readonly embeddingScale: number
  /** The vocabulary projection is the embedding matrix. */
  readonly tiedHead: boolean
  /** Queries and keys are normed head by head before they are rotated. */
  readonly qkNorm: boolean
  /** The block's output is normed again before it is added to the residual stream, and norms scale by 1 + w. */
  readonly gemmaNorms: boolean
  readonly bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean }
}

/**
 * Reads HF's config.json, in the field names of transformers 4 and 5, as transformers 5.24 does: which field goes first where
 * several say the same, and what a field that is not there stands for.
 * @param origin where the configuration comes from, for messages
 * @throws UserError for another architecture, or a variant of a known one that is not supported.
 */
export function specFromConfig(values: Readonly<Record<string, unknown>>, origin: string): DecoderSpec {
  const config = new ConfigReader(values, origin)
  const { family } = config
  refuseVariants(config)
  const hiddenSize = config.integer('hidden_size')
  const heads = config.integer('num_attention_heads')
  const kvHeads = config.integer('num_key_value_heads', heads)
  const headDim = config.integer('head_dim', hiddenSize / heads)
  if (heads % kvHeads !== 0) {
    throw config.error(`${heads} attention heads cannot share ${kvHeads} key-value heads`)
  }
  if (headDim % 2 !== 0) throw config.error(`head_dim is ${headDim}, but a rotary embedding needs it even`)
  const gemma = family === 'gemma3_text'
  const attentionBias = family === 'qwen2' || config.boolean('attention_bias', false)
  const layers = layerKinds(config)
  const scaleBase = gemma ? config.number('query_pre_attn_scalar', 256) : headDim
  const normEpsilon = config.number('rms_norm_eps', 1e-6)
  if (scaleBase <= 0) throw config.error(`query_pre_attn_scalar is ${scaleBase}, not above 0`)
  if (normEpsilon < 0) throw config.error(`rms_norm_eps is ${normEpsilon}, below 0`)
  return {
    family,
    vocabSize: config.integer('vocab_size'),
    hiddenSize,
    intermediateSize: config.integer('intermediate_size'),
    heads,
    kvHeads,
    headDim,
    maxPositions: config.integer('max_position_embeddings'),
    normEpsilon,
    layers,
    slidingWindow: layers.includes('sliding') ? config.integer('sliding_window') : undefined,
    rope: {
      full: inverseFrequencies(config, 'full', headDim),
      sliding: inverseFrequencies(config, 'sliding', headDim),
    },
    attentionScale: 1 / Math.sqrt(scaleBase),
    activation: gemma ? 'gelu_tanh' : 'silu',
    embeddingScale: gemma ? Math.fround(Math.sqrt(hiddenSize)) : 1,
    tiedHead: config.boolean('tie_word_embeddings', gemma),
    qkNorm: gemma || family === 'qwen3',
    gemmaNorms: gemma,
    bias: {
      qkv: attentionBias,
      output: family !== 'qwen2' && attentionBias,
      mlp: family === 'llama' && config.boolean('mlp_bias', false),
    },
  }
}

/** Fields of config.json that change the text and are not served, whatever their value is. */
const UNSERVED = [
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'per_layer_config',
  'quantization_config',
  'transformers_weights',
  'use_bidirectional_attention',
]

function refuseVariants(config: ConfigReader): void {
  const isGemma = config.family === 'gemma3_text'
  // HF's names of one function each.
  const activations = isGemma ? ['gelu_pytorch_tanh'] : ['silu', 'swish']
  const field = isGemma ? 'hidden_activation' : 'hidden_act'
  const found = config.values[field] ?? activations[0]
  if (!activations.includes(found as string)) {
    throw config.error(`${field} is ${JSON.stringify(found)}, not ${activations[0]}`)
  }
  for (const name of UNSERVED) {
    const value = config.values[name] ?? false
    if (value !== false) throw config.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
  }
}

/**
 * `layer_types` where the file has it; before transformers 4.53, Gemma's `sliding_window_pattern` (each layer of that number
 * is full) and Qwen's `use_sliding_window` (from `max_window_layers` on). Llama has no sliding layers.
 */
function layerKinds(config: ConfigReader): AttentionKind[] {
  const { family, values } = config
  const count = config.integer('num_hidden_layers')
  const kinds = (isFull: (layer: number) => boolean) =>
    Array.from({ length: count }, (_, layer): AttentionKind => (isFull(layer) ? 'full' : 'sliding'))
  if (family === 'llama') {
    refuseWindow(config)
    return kinds(() => true)
  }
  const isGemma = family === 'gemma3_text'
  const slides = isGemma || (config.boolean('use_sliding_window', false) && values.sliding_window !== null)
  const named = values.layer_types ?? undefined
  if (named !== undefined) return namedKinds(config, named, count, slides)
  if (isGemma) {
    const pattern = config.integer('sliding_window_pattern', 6)
    return kinds((layer) => (layer + 1) % pattern === 0)
  }
  const firstSliding = config.number('max_window_layers', 28)
  return kinds((layer) => !slides || layer < firstSliding)
}

/**
 * HF's Llama attends to all tokens, but its cache drops those outside of the window that a file has, so that a text would depend on
 * how much of it is the prompt.
 */
function refuseWindow(config: ConfigReader): void {
  const { layer_types: named } = config.values
  if (Array.isArray(named) && named.every((kind) => kind === 'full_attention')) return
  for (const name of ['sliding_window', 'attention_chunk_size']) {
    const window = config.values[name] ?? undefined
    if (typeof window !== 'number' || window >= config.integer('max_position_embeddings')) continue
    throw config.error(`${name} is ${window}, which a Llama has not: remove it, or name another model_type`)
  }
}

function namedKinds(config: ConfigReader, named: unknown, count: number, slides: boolean): AttentionKind[] {
  if (!Array.isArray(named)) throw config.error(`layer_types is ${JSON.stringify(named)}, not a list`)
  if (named.length !== count) {
    throw config.error(`layer_types has ${named.length} entries for ${count} layers`)
  }
  return named.map((name) => {
    // `attention` is the old name.
    if (name === 'full_attention' || name === 'attention') return 'full'
    if (name !== 'sliding_attention') {
      throw config.error(`layer_types names ${JSON.stringify(name)}, which is not supported`)
    }
    if (!slides) throw config.error('layer_types names "sliding_attention", but use_sliding_window is off')
    return 'sliding'
  })
}
