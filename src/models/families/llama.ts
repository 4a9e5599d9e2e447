import type { MetadataReader } from '../gguf/metadata.js'
import { BLOCK, permute, type Restore, unpermute } from '../gguf/tensors.js'
import { attentionBias, type Family, llamaLike, refuseWindow } from './family.js'

export const llama: Family = {
  type: 'llama',
  name: 'Llama',
  architecture: 'LlamaForCausalLM',
  defaults: { max_position_embeddings: 2048 },
  spec(config) {
    refuseWindow(config, 'a Llama')
    return llamaLike(config, {
      bias: { ...attentionBias(config), mlp: config.boolean('mlp_bias', false) },
    })
  },
  gguf: {
    architecture: 'llama',
    modules: BLOCK,
    config: (_, hasBias) => ({ mlp_bias: hasBias('mlp.gate_proj') }),
    restore: unpermuted,
  },
  ggufWriting: {
    store(name, { heads, kvHeads }) {
      if (name.includes('.q_proj.')) return permute(heads)
      return name.includes('.k_proj.') ? permute(kvHeads) : undefined
    },
    metadata: ({ headDim }) => ({ 'rope.dimension_count': headDim }),
  },
}

/** Of all files of the architecture. */
export function unpermuted(name: string, metadata: MetadataReader): Restore | undefined {
  const heads = metadata.number('attention.head_count')
  if (name.includes('.q_proj.')) return unpermute(name, heads)
  if (name.includes('.k_proj.')) return unpermute(name, metadata.number('attention.head_count_kv') ?? heads)
  return undefined
}
