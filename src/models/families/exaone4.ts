import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { QK_NORM, ROPE_FREQS } from '../gguf/tensors.js'
import type { AttentionKind } from '../spec.js'
import { type Family, layerKinds, llamaLike, POST_NORM_BLOCK, patternOf } from './family.js'

/** Each so-manieth layer is full, where files do not say. */
const PATTERN = 4

/** The layers of the 32B model. */
const LARGEST = 64

/** Blocks norm what they give; where some layers slide, full ones have no positions. */
export const exaone4: Family = {
  type: 'exaone4',
  name: 'EXAONE 4',
  architecture: 'Exaone4ForCausalLM',
  defaults: {
    vocab_size: 102_400,
    num_key_value_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    sliding_window: 4096,
  },
  spec: (config) =>
    llamaLike(config, {
      ...exaoneLayers(config),
      qkNorm: true,
      norms: 'post',
      bias: { qkv: false, output: false, mlp: false },
    }),
  gguf: {
    architecture: 'exaone4',
    modules: { ...POST_NORM_BLOCK, ...QK_NORM },
    slides: true,
    config: ggufConfig,
    ropeTensors: [ROPE_FREQS],
    // llama.cpp tells by the number of layers whether some slide, and then which.
    metadata: ({ layers }) => ({
      'attention.sliding_window_pattern': undefined,
      ...(layers.length !== LARGEST && { 'attention.sliding_window': undefined }),
    }),
  },
}

function exaoneLayers(config: ConfigReader) {
  const slides = config.values.sliding_window !== null
  const isFull = (layer: number) => !slides || (layer + 1) % pattern(config) === 0
  const { layers, slidingWindow } = layerKinds(config, slides, isFull)
  const kinds = layers.map((kind): AttentionKind => (slides && kind === 'full' ? 'full_nope' : kind))
  return { layers: kinds, slidingWindow }
}

/** HF reads no text such as "LLLG" where `layer_types` is not there. */
function pattern(config: ConfigReader): number {
  const { sliding_window_pattern: given } = config.values
  if (typeof given !== 'string') return config.integer('sliding_window_pattern', PATTERN)
  throw config.error(`sliding_window_pattern is ${JSON.stringify(given)} without layer_types: add these`)
}

function ggufConfig(metadata: MetadataReader): Fields {
  const window = metadata.number('attention.sliding_window') ?? 0
  if (window !== 0) {
    return { attention_bias: undefined, sliding_window: window, ...patternOf(metadata, PATTERN) }
  }
  const layers = Array.from({ length: metadata.required('block_count') }, () => 'full_attention')
  return { attention_bias: undefined, sliding_window: null, layer_types: layers }
}
