import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { QK_NORM } from '../gguf/tensors.js'
import { ropesOf } from '../rope.js'
import type { AttentionSpan, DecoderSpec } from '../spec.js'
import { type Family, layerKinds, llamaLike, POST_NORM_BLOCK, patternOf } from './family.js'

/** Llama whose blocks norm what they give, and queries and keys of all heads at once. */
export const olmo2: Family = {
  type: 'olmo2',
  name: 'OLMo 2',
  architecture: 'Olmo2ForCausalLM',
  defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-5 },
  spec: (config) => llamaLike(config, NORMS_OF_OLMO),
  gguf: {
    architecture: 'olmo2',
    modules: { ...POST_NORM_BLOCK, ...QK_NORM },
    slides: true,
    config: ggufConfig,
  },
}

/** OLMo 2 with sliding layers, three before each full one, and scaled rotary embeddings in full layers alone. */
export const olmo3: Family = {
  type: 'olmo3',
  name: 'OLMo 3',
  architecture: 'Olmo3ForCausalLM',
  defaults: { ...olmo2.defaults, sliding_window: 4096, rope_theta: 500_000 },
  spec: (config) =>
    llamaLike(
      config,
      { ...layerKinds(config, true, (layer) => (layer + 1) % PATTERN === 0), ...NORMS_OF_OLMO },
      (headDim) =>
        ropesOf(config, headDim, {
          full: ropeFields(config, 'full'),
          sliding: ropeFields(config, 'sliding'),
        }),
    ),
}

const PATTERN = 4

const NORMS_OF_OLMO: Partial<DecoderSpec> = { qkNorm: 'all heads', norms: 'post' }

/**
 * `rope_scaling` lies over what is there for full layers. A `rope_theta` beside them is the full layers' alone, as HF takes it from
 * the configuration.
 */
function ropeFields(config: ConfigReader, kind: AttentionSpan): Fields {
  const parameters = config.object('rope_parameters')
  const other = Object.keys(parameters ?? {}).find((key) => !/^(full|sliding)_attention$/.test(key))
  if (other) {
    throw config.error(
      `rope_parameters has ${other} beside full_attention and sliding_attention: put it into one of them`,
    )
  }
  const isFull = kind === 'full'
  const fields: Fields = {
    original_max_position_embeddings: config.integer('max_position_embeddings'),
    ...(config.object(`${kind}_attention`, parameters) ?? { rope_type: 'default' }),
    ...(isFull && config.object('rope_scaling')),
  }
  return {
    ...fields,
    rope_theta: fields.rope_theta ?? (isFull ? config.values.rope_theta : undefined) ?? 500_000,
  }
}

/** Both are called olmo2 by llama.cpp, which rotates sliding layers without scaling. */
function ggufConfig(metadata: MetadataReader, _: unknown, rope: Fields): Fields {
  const window = metadata.number('attention.sliding_window') ?? 0
  if (window === 0) return {}
  const { rope_theta: theta, rope_scaling: scaling } = rope
  const sliding = metadata.number('rope.freq_base_swa') ?? theta
  return {
    model_type: 'olmo3',
    architectures: [olmo3.architecture],
    sliding_window: window,
    ...patternOf(metadata, PATTERN),
    rope_theta: undefined,
    rope_scaling: undefined,
    rope_parameters: {
      full_attention: { rope_type: 'default', ...(scaling as Fields | undefined), rope_theta: theta },
      sliding_attention: { rope_type: 'default', rope_theta: sliding },
    },
  }
}
