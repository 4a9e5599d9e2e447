import type { ConfigReader } from '../config-reader.js'
import { LAYER_NORM_EPSILON } from '../gguf/metadata.js'
import { BLOCK } from '../gguf/tensors.js'
import type { DecoderSpec } from '../spec.js'
import {
  activationOf,
  attentionBias,
  epsilonOf,
  type Family,
  type GgufFamily,
  layerKinds,
  llamaLike,
  patternOf,
  rotaryPairs,
} from './family.js'

/** Of both generations. */
const DEFAULTS = {
  vocab_size: 256_000,
  hidden_size: 8192,
  intermediate_size: 22_528,
  num_hidden_layers: 40,
  num_attention_heads: 64,
  max_position_embeddings: 8192,
  layer_norm_eps: 1e-5,
  logit_scale: 0.0625,
}

export const cohere: Family = {
  type: 'cohere',
  name: 'Command R',
  architecture: 'CohereForCausalLM',
  defaults: { ...DEFAULTS, rope_theta: 500_000 },
  spec(config) {
    if (config.boolean('use_qk_norm', false))
      throw config.error('use_qk_norm is true, which is not supported')
    return cohereLike(config, {})
  },
  layout,
  gguf: ggufOf('command-r'),
}

const PATTERN = 4

/** Three sliding layers with a rotary embedding come before each full one without. */
export const cohere2: Family = {
  type: 'cohere2',
  name: 'Command R7B',
  architecture: 'Cohere2ForCausalLM',
  defaults: { ...DEFAULTS, sliding_window: 4096 },
  spec(config) {
    const pattern = config.integer('sliding_window_pattern', PATTERN)
    const { layers, slidingWindow } = layerKinds(config, true, (layer) => (layer + 1) % pattern === 0)
    return cohereLike(config, {
      layers: layers.map((kind) => (kind === 'full' ? 'full_nope' : kind)),
      slidingWindow,
    })
  },
  layout,
  gguf: {
    ...ggufOf('cohere2'),
    slides: true,
    config: (metadata) => ({
      rms_norm_eps: undefined,
      sliding_window: metadata.required('attention.sliding_window'),
      ...patternOf(metadata, PATTERN),
    }),
  },
}

function cohereLike(config: ConfigReader, own: Partial<DecoderSpec>) {
  const scale = config.number('logit_scale')
  if (scale <= 0) throw config.error(`logit_scale is ${scale}, not above 0`)
  return llamaLike(config, {
    normEpsilon: epsilonOf(config, 'layer_norm_eps'),
    activation: activationOf(config, 'silu'),
    tiedHead: config.boolean('tie_word_embeddings', true),
    bias: attentionBias(config),
    layerNorm: { bias: false },
    parallel: 'one norm',
    logitDivisor: 1 / scale,
    ...own,
  })
}

function layout(config: ConfigReader) {
  return { rotary: rotaryPairs(config, true) }
}

function ggufOf(architecture: string): GgufFamily {
  const { ffn_norm: _, ...modules } = BLOCK
  return {
    architecture,
    modules,
    serves: ['logit_scale'],
    granted: (spec) => ({ tiedHead: true, bias: { output: false }, headDim: spec.hiddenSize / spec.heads }),
    keys: { [LAYER_NORM_EPSILON]: 'layer_norm_eps', logit_scale: 'logit_scale' },
    config: () => ({ rms_norm_eps: undefined }),
    layout,
  }
}
