import type { ConfigReader } from '../config-reader.js'
import { BLOCK } from '../gguf/tensors.js'
import { type Family, layerKinds, llamaLike } from './family.js'

export const qwen2: Family = {
  type: 'qwen2',
  name: 'Qwen2',
  architecture: 'Qwen2ForCausalLM',
  defaults: { num_key_value_heads: 32, max_position_embeddings: 32_768, sliding_window: 4096 },
  spec: (config) =>
    llamaLike(config, { ...qwenLayers(config), bias: { qkv: true, output: false, mlp: false } }),
  gguf: {
    architecture: 'qwen2',
    modules: BLOCK,
    granted: (spec) => ({ headDim: spec.hiddenSize / spec.heads }),
    config: () => ({ attention_bias: undefined }),
  },
}

/** Before transformers 4.53 layers slide from `max_window_layers` on, where `use_sliding_window` says so. */
export function qwenLayers(config: ConfigReader): ReturnType<typeof layerKinds> {
  const slides = config.boolean('use_sliding_window', false) && config.values.sliding_window !== null
  return layerKinds(config, slides, (layer) => !slides || layer < config.number('max_window_layers', 28))
}
