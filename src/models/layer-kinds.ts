import type { ConfigReader } from './config-reader.js'
import type { AttentionKind, DecoderSpec } from './spec.js'

/**
 * The attention of each layer, and its window: `layer_types` where the file has it, else what the family's older fields say.
 * @param slides whether layers may slide at all
 * @param isFull by number of the layer, from 0
 */
export function layerKinds(
  config: ConfigReader,
  slides: boolean,
  isFull: (layer: number) => boolean,
): Pick<DecoderSpec, 'layers' | 'slidingWindow'> {
  const count = config.integer('num_hidden_layers')
  const named = config.values.layer_types ?? undefined
  const layers =
    named === undefined
      ? Array.from({ length: count }, (_, i): AttentionKind => (isFull(i) ? 'full' : 'sliding'))
      : namedKinds(config, named, count, slides)
  return {
    layers,
    slidingWindow: layers.includes('sliding') ? config.integer('sliding_window') : undefined,
  }
}

/** All layers attend to all tokens, whatever a file says. */
export function fullLayers(config: ConfigReader): Pick<DecoderSpec, 'layers' | 'slidingWindow'> {
  const layers = Array.from({ length: config.integer('num_hidden_layers') }, () => 'full' as const)
  return { layers, slidingWindow: undefined }
}

function namedKinds(config: ConfigReader, named: unknown, count: number, slides: boolean): AttentionKind[] {
  if (!Array.isArray(named)) throw config.error(`layer_types is ${JSON.stringify(named)}, not a list`)
  if (named.length !== count) {
    throw config.error(`layer_types has ${named.length} entries for ${count} layers`)
  }
  return named.map((name) => {
    // `attention` is the old name.
    if (name === 'full_attention' || name === 'attention') return 'full'
    if (name !== 'sliding_attention') {
      throw config.error(`layer_types names ${JSON.stringify(name)}, which is not supported`)
    }
    if (!slides) throw config.error('layer_types names "sliding_attention", but use_sliding_window is off')
    return 'sliding'
  })
}
