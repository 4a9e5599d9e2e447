import { BLOCK } from '../gguf/tensors.js'
import {
  EXPERT_MODULES,
  EXPERTS_LAYOUT,
  expertFields,
  expertsFrom,
  GGUF_EXPERTS,
  RENAMED_EXPERTS,
} from './experts.js'
import { type Family, llamaLike, refuseOtherLayers, windowedLayers } from './family.js'
import { interleaved } from './llama.js'

const NO_BIAS = { qkv: false, output: false, mlp: false }

const PROJECTIONS = { gate_proj: 'w1', up_proj: 'w3', down_proj: 'w2' } as const

/** Mistral with experts in place of the MLP; its GGUF files are called Llama's. */
export const mixtral: Family = {
  type: 'mixtral',
  name: 'Mixtral',
  architecture: 'MixtralForCausalLM',
  renamed: RENAMED_EXPERTS,
  defaults: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_theta: 1_000_000,
    num_experts: 8,
    num_experts_per_tok: 2,
  },
  spec(config) {
    const layers = windowedLayers(config)
    refuseOtherLayers(config, layers.slidingWindow === undefined ? 'full' : 'sliding')
    const experts = expertsFrom(config, {
      normalised: true,
      intermediateSize: config.integer('intermediate_size'),
    })
    return llamaLike(config, { ...layers, bias: NO_BIAS, experts })
  },
  layout: (config) => ({ modules: mixtralModules(config.integer('num_experts')), ...EXPERTS_LAYOUT }),
  gguf: {
    architecture: 'llama',
    modules: { ...BLOCK, ...EXPERT_MODULES },
    experts: true,
    config(metadata) {
      const { norm_topk_prob: normalised, ...fields } = expertFields(metadata, true)
      if (normalised !== true) throw metadata.notSupported('expert_weights_norm', normalised)
      return { ...fields, attention_bias: undefined }
    },
    layout: (config) => ({ ...GGUF_EXPERTS, ...interleaved(config) }),
  },
}

function mixtralModules(count: number): Readonly<Record<string, string>> {
  const own = Array.from({ length: count }, (_, expert) =>
    Object.entries(PROJECTIONS).map(([name, stored]) => [
      `mlp.experts.${expert}.${name}`,
      `block_sparse_moe.experts.${expert}.${stored}`,
    ]),
  )
  return Object.fromEntries([['mlp.gate', 'block_sparse_moe.gate'], ...own.flat()])
}
