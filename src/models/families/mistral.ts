import type { ConfigReader } from '../config-reader.js'
import { type Family, layerKinds, llamaLike, uniformLayers } from './family.js'

/** Llama with a window in every layer, where the file has one; its GGUF files are called Llama's. */
export const mistral: Family = {
  type: 'mistral',
  name: 'Mistral',
  architecture: 'MistralForCausalLM',
  defaults: { num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 },
  spec(config) {
    const layers = uniformLayers(config, slides(config) ? 'sliding' : 'full')
    refuseOtherLayers(config, layers.layers[0])
    return llamaLike(config, { ...layers, bias: NO_BIAS })
  },
}

/** Mistral whose layers may differ. */
export const ministral: Family = {
  type: 'ministral',
  name: 'Ministral',
  architecture: 'MinistralForCausalLM',
  defaults: mistral.defaults,
  spec: (config) =>
    llamaLike(config, {
      ...layerKinds(config, slides(config), () => !slides(config)),
      bias: NO_BIAS,
    }),
}

const NO_BIAS = { qkv: false, output: false, mlp: false }

function slides(config: ConfigReader): boolean {
  return config.values.sliding_window !== null
}

/** HF's Mistral has one mask for all layers, but a cache by `layer_types`: what it computes would depend on how a text is run. */
function refuseOtherLayers(config: ConfigReader, kind: string): void {
  const { layer_types: named } = config.values
  if (!Array.isArray(named) || named.every((each) => each === `${kind}_attention`)) return
  throw config.error(
    `layer_types is ${JSON.stringify(named)}, but a Mistral's layers are all ${kind}_attention by its sliding_window: name the model_type "ministral"`,
  )
}
