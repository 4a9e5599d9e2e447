import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import { type RopeSpec, ropeFieldsOf, ropesOf } from '../rope.js'
import type { AttentionSpan, DecoderSpec } from '../spec.js'
import { attentionBias, type Family, layerKinds, sizesOf } from './family.js'

/** Five sliding layers come before each full one. */
const PATTERN = 6

/** GGUF's names of norms; what others call ffn_norm comes before the MLP here too. */
export const GEMMA_NORMS = {
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
}

/**
 * A decoder like Gemma: norms before and after attention and a gated MLP with GELU, full layers among sliding ones.
 * @param isFull by number of the layer, where `layer_types` does not say
 */
export function gemmaLike(
  config: ConfigReader,
  isFull: (layer: number) => boolean,
  ropeOf: (headDim: number) => RopeSpec,
): Omit<DecoderSpec, 'family'> {
  config.requireOneOf('hidden_activation', ['gelu_pytorch_tanh'])
  const sizes = sizesOf(config)
  const scaleBase = config.number('query_pre_attn_scalar', 256)
  if (scaleBase <= 0) throw config.error(`query_pre_attn_scalar is ${scaleBase}, not above 0`)
  return {
    ...sizes,
    ...layerKinds(config, true, isFull),
    ...ropeOf(sizes.headDim),
    attentionScale: 1 / Math.sqrt(scaleBase),
    activation: 'gelu_tanh',
    embeddingScale: Math.fround(Math.sqrt(sizes.hiddenSize)),
    tiedHead: config.boolean('tie_word_embeddings', true),
    qkNorm: true,
    norms: 'both',
    normOffset: 1,
    residual: 'float32',
    bias: attentionBias(config),
  }
}

export const gemma3: Family = {
  type: 'gemma3_text',
  name: 'Gemma 3',
  architecture: 'Gemma3ForCausalLM',
  defaults: {
    vocab_size: 262_208,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
  },
  spec(config) {
    const isFull = (layer: number) => (layer + 1) % config.integer('sliding_window_pattern', PATTERN) === 0
    return gemmaLike(config, isFull, (headDim) => ropesOf(config, headDim, ropes(config)))
  },
  ropes,
  gguf: {
    architecture: 'gemma3',
    modules: { ...BLOCK, ...QK_NORM, ...GEMMA_NORMS },
    slides: true,
    config: ggufConfig,
    offsetNorms: true,
  },
}

function ropes(config: ConfigReader) {
  return { full: ropeOfKind(config, 'full'), sliding: ropeOfKind(config, 'sliding') }
}

/** HF's bases, which lie beside the embeddings in transformers 4. */
function ropeOfKind(config: ConfigReader, kind: AttentionSpan): Fields {
  const { rope_theta, rope_local_base_freq } = config.values
  return ropeFieldsOf(config, kind, {
    full: rope_theta ?? 1_000_000,
    sliding: rope_local_base_freq ?? 10_000,
  })
}

/**
 * As llama.cpp builds it: the local rope base of 10000, and a query scale of head_dim, but for the 27B model (62 layers) of
 * hidden_size / heads.
 */
function ggufConfig(metadata: MetadataReader): Fields {
  const slides = metadata.flags('attention.sliding_window_pattern')
  const perHead = metadata.required('embedding_length') / metadata.required('attention.head_count')
  const isLargest = metadata.required('block_count') === 62
  return {
    hidden_act: undefined,
    hidden_activation: 'gelu_pytorch_tanh',
    rope_local_base_freq: metadata.number('rope.freq_base_swa') ?? 10_000,
    sliding_window: metadata.required('attention.sliding_window'),
    ...(slides
      ? { layer_types: slides.map((isSliding) => (isSliding ? 'sliding_attention' : 'full_attention')) }
      : { sliding_window_pattern: metadata.number('attention.sliding_window_pattern') ?? PATTERN }),
    query_pre_attn_scalar: isLargest ? perHead : (metadata.number('attention.key_length') ?? perHead),
  }
}
