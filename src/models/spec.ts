import { UserError } from '../errors.js'
import { inverseFrequencies } from './rope.js'

/** The families that there is a graph for, by HF's `model_type`. */
export const FAMILIES = { llama: 'Llama', qwen2: 'Qwen2', qwen3: 'Qwen3', gemma3_text: 'Gemma 3' } as const
export type Family = keyof typeof FAMILIES

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
 * Reads HF's config.json, in the field names of transformers 4 and 5.
 * @param origin where the configuration comes from, for messages
 * @throws UserError for another architecture, or a variant of a known one that is not supported.
 */
export function specFromConfig(values: Readonly<Record<string, unknown>>, origin: string): DecoderSpec {
  const config = new ConfigReader(values, origin)
  const family = config.family()
  refuseVariants(config, family)
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
  const layers = layerKinds(config, family)
  const scaleBase = gemma ? config.number('query_pre_attn_scalar', 256) : headDim
  return {
    family,
    vocabSize: config.integer('vocab_size'),
    hiddenSize,
    intermediateSize: config.integer('intermediate_size'),
    heads,
    kvHeads,
    headDim,
    maxPositions: config.integer('max_position_embeddings'),
    normEpsilon: config.number('rms_norm_eps', 1e-6),
    layers,
    slidingWindow: layers.includes('sliding') ? config.integer('sliding_window') : undefined,
    rope: {
      full: inverseFrequencies(config, 'full', headDim),
      sliding: inverseFrequencies(config, gemma ? 'sliding' : 'full', headDim),
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

function refuseVariants(config: ConfigReader, family: Family): void {
  const activation = family === 'gemma3_text' ? 'gelu_pytorch_tanh' : 'silu'
  const field = family === 'gemma3_text' ? 'hidden_activation' : 'hidden_act'
  const found = config.values[field] ?? activation
  if (found !== activation) throw config.error(`${field} is ${JSON.stringify(found)}, not ${activation}`)
  for (const name of ['attn_logit_softcapping', 'final_logit_softcapping', 'use_bidirectional_attention']) {
    const value = config.values[name]
    if (value) throw config.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
  }
  const partial = config.number('partial_rotary_factor', 1)
  if (partial !== 1) throw config.error(`partial_rotary_factor is ${partial}, which is not supported`)
}

/**
 * `layer_types` where the file has it; before transformers 4.53, Gemma's `sliding_window_pattern` (each so many-th
 * layer is full) and Qwen's `use_sliding_window` (from `max_window_layers` on).
 */
function layerKinds(config: ConfigReader, family: Family): AttentionKind[] {
  const count = config.integer('num_hidden_layers')
  const named = config.values.layer_types
  if (Array.isArray(named)) {
    if (named.length !== count) {
      throw config.error(`layer_types has ${named.length} entries for ${count} layers`)
    }
    return named.map((name) => {
      if (name === 'full_attention') return 'full'
      if (name === 'sliding_attention') return 'sliding'
      throw config.error(`layer_types names ${JSON.stringify(name)}, which is not supported`)
    })
  }
  const kinds = (isFull: (layer: number) => boolean) =>
    Array.from({ length: count }, (_, layer): AttentionKind => (isFull(layer) ? 'full' : 'sliding'))
  if (family === 'gemma3_text') {
    const pattern = config.integer('sliding_window_pattern', config.integer('_sliding_window_pattern', 6))
    return kinds((layer) => (layer + 1) % pattern === 0)
  }
  const slides =
    family !== 'llama' &&
    config.boolean('use_sliding_window', false) &&
    typeof config.values.sliding_window === 'number'
  return kinds((layer) => !slides || layer < config.integer('max_window_layers', 28))
}

/** Typed access to the fields of a config.json, with messages that name field and file. */
export class ConfigReader {
  constructor(
    readonly values: Readonly<Record<string, unknown>>,
    private readonly origin: string,
  ) {}

  family(): Family {
    const type = this.values.model_type
    if (typeof type === 'string' && Object.hasOwn(FAMILIES, type)) return type as Family
    const architectures = this.values.architectures
    const name = Array.isArray(architectures) ? architectures[0] : undefined
    const named = [type, name].filter((part) => part !== undefined).map((part) => JSON.stringify(part))
    throw new UserError(
      `${this.origin} is of the architecture ${named.join(', ') || 'that it does not name'}, which is not supported: ` +
        `use a model of ${Object.values(FAMILIES).join(', ')}.`,
    )
  }

  integer(name: string, fallback?: number): number {
    const value = this.number(name, fallback)
    if (Number.isSafeInteger(value) && value > 0) return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not a positive integer`)
  }

  number(name: string, fallback?: number): number {
    const value = this.values[name] ?? fallback
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (value === undefined) throw this.error(`${name} is missing`)
    throw this.error(`${name} is ${JSON.stringify(value)}, not a number`)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.values[name] ?? fallback
    if (typeof value === 'boolean') return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not true or false`)
  }

  error(fault: string): UserError {
    return new UserError(`The model cannot be built from ${this.origin}: ${fault}.`)
  }
}
