import type { ConfigReader } from '../config-reader.js'
import { BLOCK } from '../gguf/tensors.js'
import type { StoredLayout } from '../layout.js'
import { sharedRope } from '../rope.js'
import { type Family, llamaLike, rotaryPairs } from './family.js'

/** The share of a head's dimensions that is rotated where files do not say. */
const PARTIAL = 0.5

export const glm4: Family = {
  type: 'glm4',
  name: 'GLM-4',
  architecture: 'Glm4ForCausalLM',
  defaults: {
    vocab_size: 151_552,
    hidden_size: 4096,
    intermediate_size: 13_696,
    num_hidden_layers: 40,
    num_attention_heads: 32,
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1.5625e-7,
  },
  spec: (config) =>
    llamaLike(
      config,
      { norms: 'both', bias: { qkv: config.boolean('attention_bias', true), output: false, mlp: false } },
      (headDim) => sharedRope(config, headDim, { partial: PARTIAL }),
    ),
  layout: (config) => ({
    ...layout(config),
    modules: {
      post_attention_layernorm: 'post_self_attn_layernorm',
      pre_feedforward_layernorm: 'post_attention_layernorm',
      post_feedforward_layernorm: 'post_mlp_layernorm',
    },
  }),
  gguf: {
    architecture: 'glm4',
    partial: true,
    modules: {
      attn_norm: 'input_layernorm',
      attn_q: BLOCK.attn_q,
      attn_k: BLOCK.attn_k,
      attn_v: BLOCK.attn_v,
      attn_output: BLOCK.attn_output,
      post_attention_norm: 'post_attention_layernorm',
      ffn_norm: 'pre_feedforward_layernorm',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: BLOCK.ffn_down,
      post_ffw_norm: 'post_feedforward_layernorm',
    },
    layout,
  },
}

function layout(config: ConfigReader): StoredLayout {
  return { fused: { 'mlp.gate_up_proj': 'stacked' }, rotary: rotaryPairs(config, true, PARTIAL) }
}
