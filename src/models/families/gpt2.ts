import type { ConfigReader } from '../config-reader.js'
import { LAYER_NORM_EPSILON } from '../gguf/metadata.js'
import { FUSED_PLAIN_BLOCK } from '../gguf/tensors.js'
import type { StoredLayout } from '../layout.js'
import type { DecoderSpec } from '../spec.js'
import { activationOf, epsilonOf, type Family, llamaLike, uniformLayers } from './family.js'

const ALL_BIASES = { qkv: true, output: true, mlp: true }

export const gpt2: Family = {
  type: 'gpt2',
  name: 'GPT-2',
  architecture: 'GPT2LMHeadModel',
  renamed: {
    n_embd: 'hidden_size',
    n_positions: 'max_position_embeddings',
    n_head: 'num_attention_heads',
    n_layer: 'num_hidden_layers',
  },
  defaults: {
    vocab_size: 50_257,
    hidden_size: 768,
    max_position_embeddings: 1024,
    num_attention_heads: 12,
    num_hidden_layers: 12,
    layer_norm_epsilon: 1e-5,
  },
  spec(given) {
    // Whatever a file says of it, HF's class does not read it.
    const config = given.with({ head_dim: undefined })
    for (const name of ['scale_attn_by_inverse_layer_idx', 'add_cross_attention']) {
      if (config.boolean(name, false)) throw config.error(`${name} is true, which is not supported`)
    }
    const intermediateSize = config.integer('n_inner', 4 * config.integer('hidden_size'))
    return llamaLike(config, {
      intermediateSize,
      ...unrotated(config),
      normEpsilon: epsilonOf(config, 'layer_norm_epsilon'),
      activation: activationOf(config, 'gelu_new', 'activation_function'),
      tiedHead: config.boolean('tie_word_embeddings', true),
      bias: ALL_BIASES,
      layerNorm: { bias: true },
      mlp: 'plain',
      learnedPositions: true,
    })
  },
  layout: (): StoredLayout => ({
    base: 'transformer',
    blocks: 'transformer.h',
    modules: {
      'model.embed_tokens': 'transformer.wte',
      'model.embed_positions': 'transformer.wpe',
      'model.norm': 'transformer.ln_f',
      input_layernorm: 'ln_1',
      'self_attn.qkv_proj': 'attn.c_attn',
      'self_attn.o_proj': 'attn.c_proj',
      post_attention_layernorm: 'ln_2',
      'mlp.up_proj': 'mlp.c_fc',
      'mlp.down_proj': 'mlp.c_proj',
    },
    fused: { 'self_attn.qkv_proj': 'stacked' },
    transposed: true,
    // Causal masks.
    ignored: /(^|\.)attn\.bias$/,
  }),
  gguf: {
    architecture: 'gpt2',
    modules: FUSED_PLAIN_BLOCK,
    granted: () => ({ bias: { qkv: true, output: true, mlp: true } }),
    keys: { feed_forward_length: 'n_inner', [LAYER_NORM_EPSILON]: 'layer_norm_epsilon' },
    config: () => ({
      hidden_act: undefined,
      attention_bias: undefined,
      rms_norm_eps: undefined,
      head_dim: undefined,
      rope_theta: undefined,
    }),
    layout: () => ({ fused: { 'self_attn.qkv_proj': 'stacked' } }),
  },
}

/** Attention without a rotary embedding. */
function unrotated(config: ConfigReader): Pick<DecoderSpec, 'layers' | 'rope' | 'attentionScale'> {
  const headDim = config.integer('hidden_size') / config.integer('num_attention_heads')
  return {
    layers: uniformLayers(config, 'full_nope').layers,
    rope: { full: [], sliding: [] },
    attentionScale: config.boolean('scale_attn_weights', true) ? 1 / Math.sqrt(headDim) : 1,
  }
}
