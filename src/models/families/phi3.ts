import type { ConfigReader, Fields } from '../config-reader.js'
import { ROPE_FACTORS } from '../gguf/tensors.js'
import type { StoredLayout } from '../layout.js'
import { sameRopes, sharedRope } from '../rope.js'
import { type Family, llamaLike, rotaryPairs, windowedLayers } from './family.js'

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
  spec: (given) => {
    const config = withLongRope(given)
    return llamaLike(
      config,
      { ...windowedLayers(config), bias: { qkv: false, output: false, mlp: false } },
      (headDim) => sharedRope(config, headDim, { partial: 1 }),
    )
  },
  ropes: (config) => sameRopes(withLongRope(config)),
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
    granted: (spec) => ({ headDim: spec.hiddenSize / spec.heads }),
    ropeTensors: Object.values(ROPE_FACTORS),
    // A window of 0 tells Phi-4 from others, and all layers slide.
    metadata: ({ slidingWindow }) => ({
      'attention.sliding_window': slidingWindow ?? 0,
      'attention.sliding_window_pattern': undefined,
    }),
    partial: true,
    config: (metadata) => ({
      attention_bias: undefined,
      sliding_window: metadata.number('attention.sliding_window') || null,
    }),
    layout,
  },
}

/**
 * HF takes the names that LongRoPE had before for it (`Phi3Config.convert_rope_params_to_dict`), of which one is another embedding's in
 * other families.
 */
function withLongRope(config: ConfigReader): ConfigReader {
  const renamed = (values: Fields | undefined) =>
    values &&
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => {
        const isOld = /^(rope_)?type$/.test(key) && (value === 'su' || value === 'yarn')
        return [key, isOld ? 'longrope' : value]
      }),
    )
  const [old, own] = [config.object('rope_scaling'), config.object('rope_parameters')]
  return config.with({ rope_scaling: renamed(old), rope_parameters: renamed(own) })
}

function layout(config: ConfigReader): StoredLayout {
  return {
    fused: { 'self_attn.qkv_proj': 'stacked', 'mlp.gate_up_proj': 'stacked' },
    rotary: rotaryPairs(config, false, 1),
  }
}
