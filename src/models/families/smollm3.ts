import type { ConfigReader } from '../config-reader.js'
import type { AttentionKind, AttentionSpan } from '../spec.js'
import { attentionBias, type Family, layerKinds, llamaLike, unrotated } from './family.js'
import { llama } from './llama.js'

/** Each so-manieth layer has no positions, where files do not say. */
const INTERVAL = 4

/** Llama, of whose layers some have no positions. */
export const smollm3: Family = {
  type: 'smollm3',
  name: 'SmolLM3',
  architecture: 'SmolLM3ForCausalLM',
  defaults: {
    vocab_size: 128_256,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    max_position_embeddings: 32_768,
    rope_theta: 2_000_000,
  },
  spec: (config) =>
    llamaLike(config, {
      ...smollmLayers(config),
      tiedHead: config.boolean('tie_word_embeddings', true),
      bias: { ...attentionBias(config), mlp: config.boolean('mlp_bias', false) },
    }),
  gguf: {
    ...llama.gguf!,
    architecture: 'smollm3',
    ropeTensors: [],
    granted: undefined,
    // llama.cpp knows no other.
    config: (metadata, hasBias, rope) => ({
      ...llama.gguf!.config!(metadata, hasBias, rope),
      no_rope_layer_interval: INTERVAL,
    }),
  },
}

/** Where layers slide and `layer_types` does not say which, those without positions do. */
function smollmLayers(config: ConfigReader) {
  const slides =
    config.boolean('use_sliding_window', false) && (config.values.sliding_window ?? undefined) !== undefined
  const rotated = rotatedLayers(config)
  const { layers, slidingWindow } = layerKinds(config, slides, (layer) => !slides || rotated[layer])
  const kinds = layers.map((kind, i): AttentionKind => (rotated[i] ? kind : unrotated(kind as AttentionSpan)))
  return { layers: kinds, slidingWindow }
}

/** Whether each layer rotates its queries and keys. */
function rotatedLayers(config: ConfigReader): boolean[] {
  const count = config.integer('num_hidden_layers')
  const given = config.values.no_rope_layers ?? undefined
  if (given === undefined) {
    const interval = config.integer('no_rope_layer_interval', INTERVAL)
    return Array.from({ length: count }, (_, layer) => (layer + 1) % interval !== 0)
  }
  // 1 stands for a layer that has them.
  const isFlag = (each: unknown) => each === 0 || each === 1 || typeof each === 'boolean'
  if (!Array.isArray(given) || given.length < count || !given.every(isFlag)) {
    throw config.error(`no_rope_layers is ${JSON.stringify(given)}, not a list of 0 or 1 for ${count} layers`)
  }
  return given.slice(0, count).map(Boolean)
}
