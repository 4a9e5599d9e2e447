import { type FloatType, Graph, type Value } from '../onnx/graph.js'
import type { DecoderSpec } from './spec.js'

/** What a decoder over a cache on the device calls its tensors: `past_` before a run, `present_` after it. */
export function cacheNames({ layers }: Pick<DecoderSpec, 'layers'>): string[] {
  return layers.flatMap((_, layer) => [`key.${layer}`, `value.${layer}`])
}

/**
 * Writes rows into a cache. ONNX Runtime copies nothing where the result is given the memory of `cache`.
 * @param cache [kvHeads, 1, C, headDim]
 * @param at int64 [kvHeads, 1, T, 3]: head, 0 and column of each row
 * @param rows [kvHeads, 1, T, headDim]
 */
export function writeRows(graph: Graph, cache: Value, at: Value, rows: Value, output: string): Value {
  return graph.node('ScatterND', [cache, at, rows], {}, output)
}

/** A tensor of zeros, `zeros`, of a `shape`, int64 [4]. */
export function zerosGraph(type: FloatType): Graph {
  const graph = new Graph()
  graph.output('zeros', type, ['heads', 1, 'C', 'width'])
  const zero = graph.cast(graph.constant('float32', [0]), 'float32', type)
  graph.node('Expand', [zero, graph.input('shape', 'int64', [4])], {}, 'zeros')
  return graph
}

/** Appends `room`, [kvHeads, 1, N, headDim], to every `past_*`: `present_*`. */
export function growingGraph(spec: DecoderSpec, type: FloatType): Graph {
  const { graph, past } = overCache(spec, type)
  const room = graph.input('room', type, [spec.kvHeads, 1, 'N', spec.headDim])
  for (const [name, cache] of past) graph.node('Concat', [cache, room], { axis: 2 }, `present_${name}`)
  return graph
}

/** Moves rows of every `past_*` in place: those at `from` go to `to`, int64 [kvHeads, 1, T, 3] as in `writeRows`. */
export function movingGraph(spec: DecoderSpec, type: FloatType): Graph {
  const { graph, past } = overCache(spec, type)
  const places = (name: string) => graph.input(name, 'int64', [spec.kvHeads, 1, 'T', 3])
  const [from, to] = [places('from'), places('to')]
  for (const [name, cache] of past) {
    writeRows(graph, cache, to, graph.node('GatherND', [cache, from]), `present_${name}`)
  }
  return graph
}

function overCache(
  spec: DecoderSpec,
  type: FloatType,
): { graph: Graph; past: [name: string, cache: Value][] } {
  const graph = new Graph()
  const shape = (columns: string) => [spec.kvHeads, 1, columns, spec.headDim]
  const past = cacheNames(spec).map((name): [string, Value] => {
    graph.output(`present_${name}`, type, shape('C'))
    return [name, graph.input(`past_${name}`, type, shape('P'))]
  })
  return { graph, past }
}
