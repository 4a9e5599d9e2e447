import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import { type Family, llamaLike } from './family.js'
import { qwen2, qwenLayers } from './qwen2.js'

export const qwen3: Family = {
  type: 'qwen3',
  name: 'Qwen3',
  architecture: 'Qwen3ForCausalLM',
  defaults: { ...qwen2.defaults, head_dim: 128 },
  spec: (config) => llamaLike(config, { ...qwenLayers(config), qkNorm: true }),
  gguf: { architecture: 'qwen3', modules: { ...BLOCK, ...QK_NORM } },
}
