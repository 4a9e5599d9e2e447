import { type FloatType, Graph, type Value } from '../../onnx/graph.js'
import type { DecoderSpec } from '../spec.js'

/** What a decoder over a cache on the device calls its tensors: `past_` before a run, `present_` after it. */
export function cacheNames({ layers }: Pick<DecoderSpec, 'layers'>): string[] {
  return layers.flatMap((_, layer) => [`key.${layer}`, `value.${layer}`])
}

/** A tensor of zeros, `zeros`, of a `shape`, int64 [4]. */
export function zerosGraph(type: FloatType): Graph {
  const graph = new Graph()
  graph.output('zeros', type, [1, 'heads', 'C', 'width'])
  const zero = graph.cast(graph.constant('float32', [0]), 'float32', type)
  graph.node('Expand', [zero, graph.input('shape', 'int64', [4])], {}, 'zeros')
  return graph
}

/** Appends `room`, [1, kvHeads, N, headDim], to every `past_*`: `present_*`. */
export function growingGraph(spec: DecoderSpec, type: FloatType): Graph {
  const { graph, past } = overCache(spec, type)
  const room = graph.input('room', type, [1, spec.kvHeads, 'N', spec.headDim])
  for (const [name, cache] of past) graph.node('Concat', [cache, room], { axis: 2 }, `present_${name}`)
  return graph
}

/**
 * Moves rows of every `past_*`: those at `from` go to `to`, int64 [1, kvHeads, T, 3], each a place: 0, head and column. ONNX Runtime
 * copies nothing else where a result is given the memory of what it comes from.
 */
export function movingGraph(spec: DecoderSpec, type: FloatType): Graph {
  const { graph, past } = overCache(spec, type)
  const places = (name: string) => graph.input(name, 'int64', [1, spec.kvHeads, 'T', 3])
  const [from, to] = [places('from'), places('to')]
  for (const [name, cache] of past) {
    graph.node('ScatterND', [cache, to, graph.node('GatherND', [cache, from])], {}, `present_${name}`)
  }
  return graph
}

function overCache(
  spec: DecoderSpec,
  type: FloatType,
): { graph: Graph; past: [name: string, cache: Value][] } {
  const graph = new Graph()
  const shape = (columns: string) => [1, spec.kvHeads, columns, spec.headDim]
  const past = cacheNames(spec).map((name): [string, Value] => {
    graph.output(`present_${name}`, type, shape('C'))
    return [name, graph.input(`past_${name}`, type, shape('P'))]
  })
  return { graph, past }
}
