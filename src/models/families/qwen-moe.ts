import type { ConfigReader } from '../config-reader.js'
import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import type { DecoderSpec } from '../spec.js'
import {
  EXPERT_MODULES,
  EXPERTS_LAYOUT,
  expertFields,
  expertsFrom,
  GGUF_EXPERTS,
  RENAMED_EXPERTS,
  sparseLayers,
} from './experts.js'
import { type Family, layerKinds, llamaLike, refuseOtherLayers, uniformLayers } from './family.js'

const WIDTH_OF_EXPERTS = { expert_feed_forward_length: 'moe_intermediate_size' }

/** Qwen3 with experts in place of the MLP; all layers slide, or none. */
export const qwen3Moe: Family = {
  type: 'qwen3_moe',
  name: 'Qwen3 MoE',
  architecture: 'Qwen3MoeForCausalLM',
  renamed: RENAMED_EXPERTS,
  defaults: {
    vocab_size: 151_936,
    hidden_size: 2048,
    intermediate_size: 6144,
    num_hidden_layers: 24,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    max_position_embeddings: 32_768,
    sliding_window: 4096,
    moe_intermediate_size: 768,
    num_experts: 128,
    num_experts_per_tok: 8,
  },
  spec(config) {
    const slides = config.boolean('use_sliding_window', false) && config.values.sliding_window !== null
    const kind = slides ? 'sliding' : 'full'
    refuseOtherLayers(config, kind)
    return llamaLike(config, { ...uniformLayers(config, kind), qkNorm: true, ...expertsOfQwen(config) })
  },
  layout: () => EXPERTS_LAYOUT,
  gguf: {
    architecture: 'qwen3moe',
    modules: { ...BLOCK, ...QK_NORM, ...EXPERT_MODULES },
    experts: true,
    keys: WIDTH_OF_EXPERTS,
    config: (metadata) => expertFields(metadata, true),
    layout: () => GGUF_EXPERTS,
  },
}

/** Qwen2 with experts in place of the MLP, and one that every token takes. */
export const qwen2Moe: Family = {
  type: 'qwen2_moe',
  name: 'Qwen2 MoE',
  architecture: 'Qwen2MoeForCausalLM',
  defaults: {
    ...qwen3Moe.defaults,
    intermediate_size: 5632,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    moe_intermediate_size: 1408,
    shared_expert_intermediate_size: 5632,
    num_experts: 60,
    num_experts_per_tok: 4,
  },
  spec(config) {
    const slides = config.boolean('use_sliding_window', false)
    const most = config.number('max_window_layers', 28)
    const intermediateSize = config.integer('shared_expert_intermediate_size')
    const { experts, ...others } = expertsOfQwen(config)
    return llamaLike(config, {
      ...layerKinds(config, slides, (layer) => !slides || (layer + 1) % 2 === 0 || layer >= most),
      bias: { qkv: config.boolean('qkv_bias', true), output: false, mlp: false },
      ...others,
      experts: experts && { ...experts, shared: { intermediateSize } },
    })
  },
  layout: () => EXPERTS_LAYOUT,
  gguf: {
    architecture: 'qwen2moe',
    granted: (spec) => ({
      tiedHead: false,
      bias: { output: false },
      headDim: spec.hiddenSize / spec.heads,
    }),
    modules: {
      ...BLOCK,
      ...EXPERT_MODULES,
      ffn_gate_inp_shexp: 'mlp.shared_expert_gate',
      ffn_gate_shexp: 'mlp.shared_expert.gate_proj',
      ffn_up_shexp: 'mlp.shared_expert.up_proj',
      ffn_down_shexp: 'mlp.shared_expert.down_proj',
    },
    experts: true,
    keys: {
      ...WIDTH_OF_EXPERTS,
      expert_shared_feed_forward_length: 'shared_expert_intermediate_size',
    },
    config: (metadata, hasBias) => ({
      attention_bias: undefined,
      qkv_bias: hasBias('self_attn.q_proj'),
      ...expertFields(metadata, false),
    }),
    layout: () => GGUF_EXPERTS,
  },
}

function expertsOfQwen(config: ConfigReader): Pick<DecoderSpec, 'experts'> {
  const layers = sparseLayers(config)
  if (layers.length === 0) return {}
  const intermediateSize = config.integer('moe_intermediate_size')
  const normalised = config.boolean('norm_topk_prob', false)
  return { experts: expertsFrom(config, { normalised, intermediateSize, layers }) }
}
