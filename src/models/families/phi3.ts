import type { ConfigReader } from '../config-reader.js'
import type { StoredLayout } from '../layout.js'
import { sharedRope } from '../rope.js'
import { type Family, llamaLike, rotaryPairs, windowedLayers } from './family.js'

/** HF reads both as LongRoPE (`Phi3Config.convert_rope_params_to_dict`). */
const OLD_NAMES = { su: 'longrope', yarn: 'longrope' }

export const phi3: Family = {
  type: 'phi3',
  name: 'Phi-3',
  architecture: 'Phi3ForCausalLM',
  defaults: {
    vocab_size: 32_064,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
  },
  spec: (config) =>
    llamaLike(
      config,
      { ...windowedLayers(config), bias: { qkv: false, output: false, mlp: false } },
      (headDim) => sharedRope(config, headDim, { partial: 1, renamed: OLD_NAMES }),
    ),
  layout,
  gguf: {
    architecture: 'phi3',
    modules: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: 'self_attn.o_proj',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: 'mlp.down_proj',
    },
    slides: true,
    partial: true,
    serves: ['rope.scaling.attn_factor'],
    config: (metadata) => ({
      attention_bias: undefined,
      sliding_window: metadata.number('attention.sliding_window') || null,
    }),
    layout,
  },
}

function layout(config: ConfigReader): StoredLayout {
  return {
    fused: { 'self_attn.qkv_proj': 'stacked', 'mlp.gate_up_proj': 'stacked' },
    rotary: rotaryPairs(config, false, 1),
  }
}
