import type { Graph, Node } from '../../src/onnx/graph.js'
import { elements, inferShapes, type Shape } from '../../src/onnx/shapes.js'

const PRODUCTS = new Set(['MatMul', 'FusedMatMul', 'Gemm'])

/** Floating-point operations of the graph's matrix products, counted from their shapes. */
export function productFlops(graph: Graph): number {
  const shapes = inferShapes(graph)
  return graph.nodes
    .filter(({ op }) => PRODUCTS.has(op))
    .reduce((sum, node) => sum + 2 * elements(shapes.get(node.outputs[0])!) * inner(node, shapes), 0)
}

function inner({ inputs, attributes }: Node, shapes: ReadonlyMap<string, Shape>): number {
  return shapes.get(inputs[0])!.at(attributes.transA ? -2 : -1)!
}
