import type { ConfigReader } from '../config-reader.js'
import { BLOCK, permute, unpermute } from '../gguf/tensors.js'
import { attentionBias, type Family, llamaLike } from './family.js'

export const llama: Family = {
  type: 'llama',
  name: 'Llama',
  architecture: 'LlamaForCausalLM',
  defaults: { max_position_embeddings: 2048 },
  spec(config) {
    refuseWindow(config)
    return llamaLike(config, {
      bias: { ...attentionBias(config), mlp: config.boolean('mlp_bias', false) },
    })
  },
  gguf: {
    architecture: 'llama',
    modules: BLOCK,
    config: (_, hasBias) => ({ mlp_bias: hasBias('mlp.gate_proj') }),
    restore(name, metadata) {
      const heads = metadata.number('attention.head_count')
      if (name.includes('.q_proj.')) return unpermute(name, heads)
      if (name.includes('.k_proj.'))
        return unpermute(name, metadata.number('attention.head_count_kv') ?? heads)
      return undefined
    },
  },
  ggufWriting: {
    store(name, { heads, kvHeads }) {
      if (name.includes('.q_proj.')) return permute(heads)
      return name.includes('.k_proj.') ? permute(kvHeads) : undefined
    },
    metadata: ({ headDim }) => ({ 'rope.dimension_count': headDim }),
  },
}

/**
 * HF's Llama attends to all tokens, but its cache drops those outside of the window that a file has, so that a text would depend on
 * how much of it is the prompt.
 */
function refuseWindow(config: ConfigReader): void {
  const { layer_types: named } = config.values
  if (Array.isArray(named) && named.every((kind) => kind === 'full_attention')) return
  for (const name of ['sliding_window', 'attention_chunk_size']) {
    const window = config.values[name] ?? undefined
    if (typeof window !== 'number' || window >= config.integer('max_position_embeddings')) continue
    throw config.error(`${name} is ${window}, which a Llama has not: remove it, or name another model_type`)
  }
}
