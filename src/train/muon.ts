import type { Graph, Value } from '../onnx/graph.js'

/** Coefficients of the quintic iteration, and how often it is done (Jordan et al. 2024, "Muon"). */
const [A, B, C] = [3.4445, -4.775, 2.0315]
const ITERATIONS = 5

/**
 * U Vᵀ of a matrix U S Vᵀ, nearly: singular values come to lie between about 0.7 and 1.2, by Newton and Schulz's
 * iteration X ← aX + (bXXᵀ + c(XXᵀ)²)X from X scaled to norm 1.
 */
export function orthogonalised(graph: Graph, matrix: Value, [rows, columns]: readonly number[]): Value {
  const scalar = (value: number) => graph.constant('float32', [value], [])
  const op = (name: string, ...inputs: Value[]) => graph.node(name, inputs)
  const norm = op('Sqrt', graph.node('ReduceSumSquare', [matrix], { keepdims: 0 }))
  let x = op('Div', matrix, op('Add', norm, scalar(1e-7)))
  // Products of the shorter side are the smaller ones.
  const isTall = rows > columns
  for (let i = 0; i < ITERATIONS; i++) {
    const gram = graph.node('com.microsoft::FusedMatMul', [x, x], {
      transA: Number(isTall),
      transB: Number(!isTall),
    })
    const square = graph.node('com.microsoft::FusedMatMul', [gram, gram], { alpha: { float: C } })
    const polynomial = op('Add', op('Mul', gram, scalar(B)), square)
    const change = isTall ? op('MatMul', x, polynomial) : op('MatMul', polynomial, x)
    x = op('Add', op('Mul', x, scalar(A)), change)
  }
  return x
}
