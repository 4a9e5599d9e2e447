import type { Dimension, Value } from '../../onnx/graph.js'
import { Blocks } from './blocks.js'
import type { CacheLayout } from './layers.js'
import { PAGE } from './paged-attention.js'

const PAST_SHAPES: Readonly<Record<CacheLayout, Dimension[]>> = {
  'in-place': [1, 1, 'S'],
  appended: [1, 1, 'S_past'],
  device: [1, 1, 'C'],
  paged: ['P', 1, PAGE],
}

/**
 * Blocks whose convolutions read the rows of a token's ancestors, in a tree as in a chain. Of a cache of whatever layout they take the
 * few rows that they need by their place, which the host knows; see `decoderGraph`.
 */
export abstract class CachedWindows extends Blocks {
  protected override windows(rows: Value, index: number): Value {
    const { graph, type, layout } = this
    const width = this.spec.hiddenSize
    const byRow = (x: Value) => this.reshape(x, [-1, width])
    const gather = (x: Value, places: Value) => graph.node('Gather', [x, places], { axis: 0 })
    const past = graph.input(`past_conv.${index}`, type, [...PAST_SHAPES[layout], width])
    const earlier = gather(byRow(past), graph.input('conv_past', 'int64', ['N']))
    const zero = graph.cast(graph.constant('float32', [0]), 'float32', type)
    const zeros = graph.node('Expand', [zero, graph.constant('int64', [1, width])])
    this.cacheRows(rows, past, index)
    const all = graph.node('Concat', [zeros, byRow(rows), earlier], { axis: 0 })
    return gather(all, graph.input('conv_window', 'int64', ['kernel', 'T']))
  }

  /** Gives the new rows, [1, T, hidden], as the layout has them. */
  private cacheRows(rows: Value, past: Value, index: number): void {
    const { graph, type, layout } = this
    const width = this.spec.hiddenSize
    const byHead = () => this.reshape(rows, [1, 1, -1, width])
    if (layout === 'device') {
      const places = graph.input('conv_places', 'int64', [1, 1, 'T', 3])
      const name = graph.output(`present_conv.${index}`, type, [1, 1, 'C', width])
      graph.node('ScatterND', [past, places, byHead()], {}, name)
    } else if (layout === 'appended') {
      const name = graph.output(`conv.${index}`, type, [1, 1, 'T', width])
      graph.node('Identity', [byHead()], {}, name)
    } else {
      const name = layout === 'in-place' ? `conv.${index}.0` : `conv.${index}`
      graph.node('Identity', [rows], {}, graph.output(name, type, [1, 'T', width]))
    }
  }
}
