import { type FloatType, Graph, type Value } from '../../onnx/graph.js'
import { type CachedTensor, cachedTensors } from '../cached-tensors.js'
import type { DecoderSpec } from '../spec.js'

/** A tensor of zeros, `zeros`, of a `shape`, int64 [4]. */
export function zerosGraph(type: FloatType): Graph {
  const graph = new Graph()
  graph.output('zeros', type, [1, 'heads', 'C', 'width'])
  const zero = graph.cast(graph.constant('float32', [0]), 'float32', type)
  graph.node('Expand', [zero, graph.input('shape', 'int64', [4])], {}, 'zeros')
  return graph
}

/** The name of the room for a tensor that grows: tensors of one shape share it. */
export function roomName({ heads, width }: Omit<CachedTensor, 'name'>): string {
  return `room_${heads}_${width}`
}

/** Appends `roomName`, [1, heads, N, width], to every `past_*`: `present_*`. */
export function growingGraph(spec: DecoderSpec, type: FloatType): Graph {
  return overCache(spec, type, (graph, past, tensor, present) => {
    const room = graph.input(roomName(tensor), type, [1, tensor.heads, 'N', tensor.width])
    graph.node('Concat', [past, room], { axis: 2 }, present)
  })
}

/** The names of places in tensors of so many heads. */
export function placeNames(heads: number): { from: string; to: string } {
  return { from: `from_${heads}`, to: `to_${heads}` }
}

/**
 * Moves rows of every `past_*`: those at `from` go to `to` (`placeNames`), int64 [1, heads, T, 3], each a place: 0, head and column. ONNX
 * Runtime copies nothing else where a result is given the memory of what it comes from.
 */
export function movingGraph(spec: DecoderSpec, type: FloatType): Graph {
  return overCache(spec, type, (graph, past, { heads }, present) => {
    const places = (name: string) => graph.input(name, 'int64', [1, heads, 'T', 3])
    const { from, to } = placeNames(heads)
    const rows = graph.node('GatherND', [past, places(from)])
    graph.node('ScatterND', [past, places(to), rows], {}, present)
  })
}

/** Makes `present_*` of each tensor `past_*` of a cache on the device. */
function overCache(
  spec: DecoderSpec,
  type: FloatType,
  add: (graph: Graph, past: Value, tensor: CachedTensor, present: string) => void,
): Graph {
  const graph = new Graph()
  for (const tensor of cachedTensors(spec)) {
    const { name, heads, width } = tensor
    const shape = (columns: string) => [1, heads, columns, width]
    const present = graph.output(`present_${name}`, type, shape('C'))
    add(graph, graph.input(`past_${name}`, type, shape('P')), tensor, present)
  }
  return graph
}
