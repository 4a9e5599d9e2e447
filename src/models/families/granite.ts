import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { attentionBias, type Family, layerKinds, llamaLike } from './family.js'
import { llama } from './llama.js'

/** What HF's configuration classes take. */
const SCALES = { attention_multiplier: 1, embedding_multiplier: 1, residual_multiplier: 1, logits_scaling: 1 }

/** Llama whose embeddings, scores, residual stream and logits have scales of their own. */
export const granite: Family = {
  type: 'granite',
  name: 'Granite',
  architecture: 'GraniteForCausalLM',
  defaults: { max_position_embeddings: 2048, ...SCALES },
  spec: (config) =>
    llamaLike(config, {
      ...graniteScales(config),
      bias: { ...attentionBias(config), mlp: config.boolean('mlp_bias', false) },
    }),
  gguf: {
    ...llama.gguf!,
    architecture: 'granite',
    serves: ['attention.scale', 'embedding_scale', 'logit_scale', 'residual_scale'],
    // A scale of 0 or none is the usual one.
    keys: {
      'attention.scale': { field: 'attention_multiplier', read: attentionScale },
      embedding_scale: { field: 'embedding_multiplier', read: (of) => of.number('embedding_scale') || 1 },
      residual_scale: { field: 'residual_multiplier', read: (of) => of.number('residual_scale') || 1 },
      logit_scale: 'logits_scaling',
    },
    config: ggufConfig,
    metadata: ({ layers }) => ({ [ROTATES]: layers.includes('full_nope') ? false : undefined }),
  },
}

/** Granite whose layers may be of other kinds and whose MLPs may have experts; a dense one of attention alone is a Granite. */
export const graniteMoeHybrid: Family = {
  type: 'granitemoehybrid',
  name: 'Granite 4',
  architecture: 'GraniteMoeHybridForCausalLM',
  renamed: { layers_block_type: 'layer_types' },
  defaults: {
    vocab_size: 32_000,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    num_local_experts: 8,
    shared_intermediate_size: 1024,
    ...SCALES,
  },
  spec(config) {
    const experts = config.number('num_local_experts', 0)
    if (experts > 0) throw config.error(`num_local_experts is ${experts}, and experts are not supported`)
    if ((config.values.layer_types ?? undefined) === undefined) {
      throw config.error('layer_types is missing, by which all layers are recurrent: this is not supported')
    }
    // Without the one kind there are no positions.
    const isRotated = config.values.position_embedding_type === 'rope'
    const { layers } = layerKinds(config, false, () => true)
    return llamaLike(config, {
      ...graniteScales(config),
      layers: isRotated ? layers : layers.map(() => 'full_nope'),
      intermediateSize: config.integer('shared_intermediate_size'),
      bias: attentionBias(config),
    })
  },
  gguf: granite.gguf,
  layout: () => ({
    fused: { 'mlp.gate_up_proj': 'stacked' },
    modules: { 'mlp.gate_up_proj': 'shared_mlp.input_linear', 'mlp.down_proj': 'shared_mlp.output_linear' },
  }),
}

export function graniteScales(config: ConfigReader) {
  const scale = (name: string) => {
    const value = config.number(name)
    if (value > 0) return value
    throw config.error(`${name} is ${value}, not above 0`)
  }
  return {
    attentionScale: scale('attention_multiplier'),
    embeddingScale: Math.fround(scale('embedding_multiplier')),
    residualMultiplier: scale('residual_multiplier'),
    logitDivisor: scale('logits_scaling'),
  }
}

function attentionScale(metadata: MetadataReader): number {
  const heads = metadata.required('attention.head_count')
  const headDim = metadata.number('attention.key_length') ?? metadata.required('embedding_length') / heads
  return metadata.number('attention.scale') || 1 / Math.sqrt(headDim)
}

/** The key that llama.cpp takes for whether a Granite has positions. */
const ROTATES = 'rope.scaling.finetuned'

/** HF has no Granite without positions, but one with layers of several kinds. */
function ggufConfig(metadata: MetadataReader, hasBias: (module: string) => boolean, rope: Fields): Fields {
  const fields = llama.gguf!.config!(metadata, hasBias, rope)
  if (metadata.get(ROTATES) !== false) return fields
  const layers = Array.from({ length: metadata.required('block_count') }, () => 'full_attention')
  return {
    ...fields,
    model_type: graniteMoeHybrid.type,
    architectures: [graniteMoeHybrid.architecture],
    mlp_bias: undefined,
    position_embedding_type: null,
    layer_types: layers,
    shared_intermediate_size: metadata.required('feed_forward_length'),
    num_local_experts: 0,
    // HF wants a number of heads of recurrent layers that divides twice the hidden size.
    mamba_n_heads: 1,
  }
}
