import { UserError } from '../../errors.js'
import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { ropeFields, sameRopes } from '../rope.js'
import type { DecoderSpec } from '../spec.js'
import { type Family, layerKinds, llamaLike, refuseOtherLayers, uniformLayers } from './family.js'
import { llama } from './llama.js'

/** Llama with a window in every layer, where the file has one; its GGUF files are Llama's. */
export const mistral: Family = {
  type: 'mistral',
  name: 'Mistral',
  architecture: 'MistralForCausalLM',
  defaults: { num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 },
  spec: (config) => llamaLike(config, { ...mistralLayers(config, slides(config)), bias: NO_BIAS }),
  gguf: llama.gguf,
}

/** Mistral whose layers may differ. */
export const ministral: Family = {
  type: 'ministral',
  name: 'Ministral',
  architecture: 'MinistralForCausalLM',
  defaults: mistral.defaults,
  spec: (config) =>
    llamaLike(config, {
      ...layerKinds(config, slides(config), () => !slides(config)),
      bias: NO_BIAS,
    }),
  gguf: llama.gguf,
}

/** Mistral whose queries are scaled by their positions, beyond the length that YaRN starts from. */
export const ministral3: Family = {
  type: 'ministral3',
  name: 'Ministral 3',
  architecture: 'Ministral3ForCausalLM',
  defaults: {
    vocab_size: 131_072,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 34,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 262_144,
    rms_norm_eps: 1e-5,
  },
  spec(given) {
    const config = withRope(given)
    const hasWindow = (config.values.sliding_window ?? undefined) !== undefined
    return llamaLike(config, {
      ...mistralLayers(config, hasWindow),
      bias: NO_BIAS,
      queryScale: queryScale(config),
    })
  },
  ropes: (config) => sameRopes(withRope(config)),
  gguf: {
    ...llama.gguf!,
    architecture: 'mistral3',
    ropeTensors: [],
    serves: ['attention.temperature_scale', 'rope.scaling.yarn_log_multiplier'],
    config: ministral3Ggufs,
    metadata: ministral3Metadata,
  },
}

/** What HF's configuration class takes where a file has none. */
const ROPE_OF_MINISTRAL3 = {
  rope_type: 'yarn',
  rope_theta: 1_000_000,
  factor: 16,
  original_max_position_embeddings: 16_384,
  mscale: 1,
  mscale_all_dim: 1,
  llama_4_scaling_beta: 0.1,
}

function withRope(config: ConfigReader): ConfigReader {
  return config.values.rope_parameters ? config : config.with({ rope_parameters: ROPE_OF_MINISTRAL3 })
}

/** HF's `get_llama_4_attn_scale`; undefined where it is 1 at all positions. */
function queryScale(config: ConfigReader): DecoderSpec['queryScale'] {
  const { llama_4_scaling_beta: beta, original_max_position_embeddings: length } = ropeFields(config)
  if (typeof beta !== 'number' || !Number.isFinite(beta) || beta < 0) {
    throw config.error(`llama_4_scaling_beta is ${JSON.stringify(beta ?? null)}, not a number of 0 or more`)
  }
  if (typeof length !== 'number' || !(length > 0)) {
    throw config.error(`original_max_position_embeddings is ${JSON.stringify(length)}, not above 0`)
  }
  return beta === 0 ? undefined : { beta, length }
}

/**
 * llama.cpp takes the length of the queries' scale from YaRN's, and YaRN's `mscale` for 1. Its files of other Mistrals have the same
 * name and no such scale.
 */
function ministral3Ggufs(
  metadata: MetadataReader,
  hasBias: (module: string) => boolean,
  rope: Fields,
): Fields {
  const fields = llama.gguf!.config!(metadata, hasBias, rope)
  const beta = metadata.number('attention.temperature_scale') || 0
  const logMultiplier = metadata.number('rope.scaling.yarn_log_multiplier') || undefined
  const scaling = rope.rope_scaling as Fields | undefined
  const length = metadata.number('attention.temperature_length')
  if (beta !== 0 && length !== undefined && length !== scaling?.original_max_position_embeddings) {
    throw new UserError(
      `The GGUF metadata's mistral3.attention.temperature_length is ${length}, and not rope.scaling.original_context_length: this is not supported.`,
    )
  }
  if (logMultiplier !== undefined && scaling?.rope_type !== 'yarn') {
    throw new UserError(
      `The GGUF metadata's mistral3.rope.scaling.yarn_log_multiplier is ${logMultiplier}, but rope.scaling.type is not "yarn": this is not supported.`,
    )
  }
  return {
    ...fields,
    ...(beta === 0 && {
      model_type: mistral.type,
      architectures: [mistral.architecture],
      sliding_window: null,
    }),
    rope_scaling: scaling && {
      ...scaling,
      ...(logMultiplier && { mscale: 1, mscale_all_dim: logMultiplier }),
      ...(beta !== 0 && { llama_4_scaling_beta: beta }),
    },
    attention_bias: undefined,
    mlp_bias: undefined,
  }
}

/** YaRN's factor of cosines and sines is said by `mscale_all_dim`, where HF computes it of that. */
function ministral3Metadata({ queryScale }: DecoderSpec, rope: Fields) {
  const { mscale, mscale_all_dim: ofAll, attention_factor: given } = rope
  const isComputed = mscale === 1 && typeof ofAll === 'number' && ofAll !== 0 && !given
  return {
    'attention.temperature_scale': queryScale?.beta,
    ...(isComputed && {
      'rope.scaling.yarn_log_multiplier': ofAll,
      'rope.scaling.attn_factor': undefined,
    }),
  }
}

const NO_BIAS = { qkv: false, output: false, mlp: false }

function slides(config: ConfigReader): boolean {
  return config.values.sliding_window !== null
}

function mistralLayers(config: ConfigReader, hasWindow: boolean) {
  const layers = uniformLayers(config, hasWindow ? 'sliding' : 'full')
  refuseOtherLayers(config, hasWindow ? 'sliding' : 'full', 'name the model_type "ministral"')
  return layers
}
