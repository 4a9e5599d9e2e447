import type { ConfigReader } from '../config-reader.js'
import { BLOCK, ROPE_FREQS } from '../gguf/tensors.js'
import type { StoredLayout } from '../layout.js'
import { attentionBias, type Family, llamaLike, refuseWindow, rotaryPairs } from './family.js'

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
    layout: interleaved,
    ropeTensors: [ROPE_FREQS],
    granted: () => ({}),
  },
}

/** Rows of queries and keys in the order of Meta's rotary embedding, which turns neighbours, as all files of the architecture have them. */
export function interleaved(config: ConfigReader): StoredLayout {
  return { rotary: rotaryPairs(config, true) }
}
