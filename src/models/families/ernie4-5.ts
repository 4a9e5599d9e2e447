import type { ConfigReader } from '../config-reader.js'
import { BLOCK } from '../gguf/tensors.js'
import { type Family, llamaLike, rotaryPairs } from './family.js'

export const ernie45: Family = {
  type: 'ernie4_5',
  name: 'ERNIE 4.5',
  architecture: 'Ernie4_5ForCausalLM',
  defaults: {
    vocab_size: 103_424,
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_theta: 500_000,
  },
  spec(config) {
    const hasBias = config.boolean('use_bias', false)
    return llamaLike(config, {
      tiedHead: config.boolean('tie_word_embeddings', true),
      bias: { qkv: hasBias, output: hasBias, mlp: hasBias },
    })
  },
  layout,
  gguf: {
    architecture: 'ernie4_5',
    modules: BLOCK,
    config: (_, hasBias) => ({ attention_bias: undefined, use_bias: hasBias('self_attn.q_proj') }),
    layout,
  },
}

function layout(config: ConfigReader) {
  return { rotary: rotaryPairs(config, true) }
}
