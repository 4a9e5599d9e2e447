import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import type { LayerKind } from '../spec.js'
import { epsilonOf, type Family, llamaLike } from './family.js'

/** Layers are attention or gated short convolutions. */
export const lfm2: Family = {
  type: 'lfm2',
  name: 'LFM2',
  architecture: 'Lfm2ForCausalLM',
  defaults: {
    vocab_size: 65_536,
    hidden_size: 2560,
    intermediate_size: 12_288,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 128_000,
    norm_eps: 1e-5,
    rope_theta: 1_000_000,
    conv_L_cache: 3,
    block_multiple_of: 256,
    block_ffn_dim_multiplier: 1,
  },
  spec: (config) =>
    llamaLike(config, {
      intermediateSize: innerSize(config),
      layers: layerKinds(config),
      normEpsilon: epsilonOf(config, 'norm_eps'),
      activation: 'silu',
      tiedHead: config.boolean('tie_embedding', config.boolean('tie_word_embeddings', true)),
      qkNorm: true,
      bias: { qkv: false, output: false, mlp: false },
      convolution: { kernel: config.integer('conv_L_cache'), bias: config.boolean('conv_bias', false) },
    }),
  layout: () => ({
    modules: {
      'model.norm': 'model.embedding_norm',
      input_layernorm: 'operator_norm',
      'self_attn.q_norm': 'self_attn.q_layernorm',
      'self_attn.k_norm': 'self_attn.k_layernorm',
      'self_attn.o_proj': 'self_attn.out_proj',
      post_attention_layernorm: 'ffn_norm',
      'mlp.gate_proj': 'feed_forward.w1',
      'mlp.up_proj': 'feed_forward.w3',
      'mlp.down_proj': 'feed_forward.w2',
    },
  }),
  gguf: {
    architecture: 'lfm2',
    modules: {
      ...BLOCK,
      ...QK_NORM,
      token_embd_norm: 'model.norm',
      'shortconv.in_proj': 'conv.in_proj',
      'shortconv.conv': 'conv.conv',
      'shortconv.out_proj': 'conv.out_proj',
    },
    keys: { 'shortconv.l_cache': 'conv_L_cache' },
    headless: true,
    granted: ({ hiddenSize, heads }) => ({
      headDim: hiddenSize / heads,
      bias: { output: false, mlp: false },
    }),
    layout: () => ({}),
    config: ggufConfig,
    metadata: ({ layers, kvHeads }) => ({
      'attention.head_count_kv': Int32Array.from(layers, (kind) => (kind === 'conv' ? 0 : kvHeads)),
    }),
  },
}

/** The MLP's width, of which HF takes two thirds, rounded up, where `block_auto_adjust_ff_dim` says so. */
function innerSize(config: ConfigReader): number {
  const given = config.integer(
    config.values.block_ff_dim === undefined ? 'intermediate_size' : 'block_ff_dim',
  )
  if (!config.boolean('block_auto_adjust_ff_dim', true)) return given
  const multiple = config.integer('block_multiple_of')
  const scaled = Math.trunc(config.number('block_ffn_dim_multiplier') * Math.trunc((2 * given) / 3))
  const size = multiple * Math.ceil(scaled / multiple)
  if (size > 0) return size
  throw config.error(`its MLPs have a width of ${size} by block_ffn_dim_multiplier and block_multiple_of`)
}

/** Kinds by `layer_types`, or else by the numbers of the attention layers. */
function layerKinds(config: ConfigReader): LayerKind[] {
  const count = config.integer('num_hidden_layers')
  const { layer_types: named, full_attn_idxs: attention } = config.values
  if ((named ?? undefined) === undefined) {
    const numbers = Array.from({ length: count }, (_, layer) => layer)
    const own: unknown = attention ?? numbers
    if (!Array.isArray(own) || !own.every((each) => Number.isInteger(each))) {
      throw config.error(`full_attn_idxs is ${JSON.stringify(own)}, not a list of layers`)
    }
    return numbers.map((layer) => (own.includes(layer) ? 'full' : 'conv'))
  }
  if (!Array.isArray(named)) throw config.error(`layer_types is ${JSON.stringify(named)}, not a list`)
  if (named.length !== count) {
    throw config.error(`layer_types has ${named.length} entries for ${count} layers`)
  }
  return named.map((name) => {
    if (name === 'conv') return 'conv'
    if (name === 'full_attention') return 'full'
    throw config.error(`layer_types names ${JSON.stringify(name)}, which is not supported`)
  })
}

/** Layers without heads of keys and values are convolutions; the MLP's width is as it is. */
function ggufConfig(metadata: MetadataReader): Fields {
  const heads = metadata.numbers('attention.head_count_kv')
  return {
    hidden_act: undefined,
    attention_bias: undefined,
    rms_norm_eps: undefined,
    norm_eps: metadata.required('attention.layer_norm_rms_epsilon'),
    block_auto_adjust_ff_dim: false,
    layer_types: heads?.map((count) => (count === 0 ? 'conv' : 'full_attention')),
  }
}
