import { LAYER_NORM_EPSILON } from '../gguf/metadata.js'
import { BLOCK } from '../gguf/tensors.js'
import { activationOf, epsilonOf, type Family, llamaLike, windowedLayers } from './family.js'

const { ffn_gate: _, ...PLAIN_BLOCK } = BLOCK

export const starcoder2: Family = {
  type: 'starcoder2',
  name: 'StarCoder2',
  architecture: 'Starcoder2ForCausalLM',
  defaults: {
    vocab_size: 49_152,
    hidden_size: 3072,
    intermediate_size: 12_288,
    num_hidden_layers: 30,
    num_attention_heads: 24,
    num_key_value_heads: 2,
    max_position_embeddings: 4096,
    norm_epsilon: 1e-5,
  },
  spec(config) {
    const hasBias = config.boolean('use_bias', true)
    return llamaLike(config, {
      ...windowedLayers(config),
      normEpsilon: epsilonOf(config, 'norm_epsilon'),
      activation: activationOf(config, 'gelu_pytorch_tanh'),
      tiedHead: config.boolean('tie_word_embeddings', true),
      bias: { qkv: hasBias, output: hasBias, mlp: hasBias },
      layerNorm: { bias: true },
      mlp: 'plain',
    })
  },
  layout: () => ({ modules: { 'mlp.up_proj': 'mlp.c_fc', 'mlp.down_proj': 'mlp.c_proj' } }),
  gguf: {
    architecture: 'starcoder2',
    modules: PLAIN_BLOCK,
    granted: (spec) => ({
      bias: { qkv: true, output: true, mlp: true },
      headDim: spec.hiddenSize / spec.heads,
    }),
    keys: { [LAYER_NORM_EPSILON]: 'norm_epsilon' },
    config: (_, hasBias) => ({
      hidden_act: 'gelu_pytorch_tanh',
      attention_bias: undefined,
      use_bias: hasBias('self_attn.q_proj'),
      rms_norm_eps: undefined,
    }),
    layout: () => ({}),
  },
}
