import type { ConfigReader } from '../config-reader.js'
import { LAYER_NORM_EPSILON, type MetadataReader } from '../gguf/metadata.js'
import { FUSED_PLAIN_BLOCK } from '../gguf/tensors.js'
import type { StoredLayout } from '../layout.js'
import { sameRopes, sharedRope } from '../rope.js'
import { activationOf, epsilonOf, type Family, llamaLike, rotaryPairs } from './family.js'

/** The share of a head's dimensions that is rotated where files do not say. */
const PARTIAL = 0.25

export const gptNeox: Family = {
  type: 'gpt_neox',
  name: 'GPT-NeoX',
  architecture: 'GPTNeoXForCausalLM',
  defaults: {
    vocab_size: 50_432,
    hidden_size: 6144,
    num_hidden_layers: 44,
    num_attention_heads: 64,
    intermediate_size: 24_576,
    max_position_embeddings: 2048,
    layer_norm_eps: 1e-5,
  },
  spec(given) {
    const config = withRotary(given)
    const hasBias = config.boolean('attention_bias', true)
    return llamaLike(
      config,
      {
        normEpsilon: epsilonOf(config, 'layer_norm_eps'),
        activation: activationOf(config, 'gelu'),
        bias: { qkv: hasBias, output: hasBias, mlp: true },
        layerNorm: { bias: true },
        mlp: 'plain',
        parallel: config.boolean('use_parallel_residual', true) ? 'two norms' : undefined,
      },
      (headDim) => sharedRope(config, headDim, { partial: PARTIAL }),
    )
  },
  ropes: (config) => sameRopes(withRotary(config)),
  layout: (config): StoredLayout => ({
    base: 'gpt_neox',
    blocks: 'gpt_neox.layers',
    modules: {
      'model.embed_tokens': 'gpt_neox.embed_in',
      'model.norm': 'gpt_neox.final_layer_norm',
      lm_head: 'embed_out',
      'self_attn.qkv_proj': 'attention.query_key_value',
      'self_attn.o_proj': 'attention.dense',
      'mlp.up_proj': 'mlp.dense_h_to_4h',
      'mlp.down_proj': 'mlp.dense_4h_to_h',
    },
    fused: { 'self_attn.qkv_proj': 'by head' },
    rotary: pairs(config),
    ignored: /(^|\.)attention\.(bias|masked_bias)$/,
  }),
  gguf: {
    architecture: 'gptneox',
    partial: true,
    modules: FUSED_PLAIN_BLOCK,
    granted: () => ({ bias: { qkv: true, output: true, mlp: true } }),
    serves: ['use_parallel_residual'],
    keys: { [LAYER_NORM_EPSILON]: 'layer_norm_eps' },
    config: (metadata, hasBias, rope) => ({
      hidden_act: 'gelu',
      head_dim: undefined,
      rope_theta: undefined,
      rotary_emb_base: rope.rope_theta,
      partial_rotary_factor: undefined,
      rotary_pct: rotatedShare(metadata),
      attention_bias: hasBias('self_attn.qkv_proj'),
      rms_norm_eps: undefined,
      use_parallel_residual: metadata.get('use_parallel_residual') ?? true,
    }),
    metadata: ({ parallel }) => ({ use_parallel_residual: parallel !== undefined }),
    layout: (config) => ({ fused: { 'self_attn.qkv_proj': 'stacked' }, rotary: pairs(config) }),
  },
}

function pairs(config: ConfigReader) {
  return rotaryPairs(withRotary(config), false, PARTIAL)
}

/** HF's class has its own names for two fields, and does not read the others' names beside `rope_parameters`. */
function withRotary(config: ConfigReader): ConfigReader {
  const { rotary_emb_base: theta, rotary_pct: partial, head_dim: headDim } = config.values
  const usual = config.integer('hidden_size') / config.integer('num_attention_heads')
  if ((headDim ?? usual) !== usual) {
    throw config.error(
      `head_dim is ${JSON.stringify(headDim)}, but the family's heads have ${usual} dimensions`,
    )
  }
  return config.with({ rope_theta: theta, partial_rotary_factor: partial })
}

function rotatedShare(metadata: MetadataReader): number {
  const headDim = metadata.required('embedding_length') / metadata.required('attention.head_count')
  return (metadata.number('rope.dimension_count') ?? headDim) / headDim
}
