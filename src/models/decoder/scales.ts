import type { FloatType, Graph, Value } from '../../onnx/graph.js'
import type { LogitScale } from '../spec.js'

/** x · factor, and x itself where that is 1. */
export function timesConstant(graph: Graph, x: Value, factor: number, type: FloatType = 'float32'): Value {
  if (factor === 1) return x
  return graph.node('Mul', [x, graph.cast(graph.constant('float32', [factor]), 'float32', type)])
}

/** c · tanh(x / c), as Gemma 2 has it for scores and logits; x itself where there is no cap. */
export function softcapped(
  graph: Graph,
  x: Value,
  cap: number | undefined,
  type: FloatType = 'float32',
): Value {
  if (cap === undefined) return x
  return timesConstant(graph, graph.node('Tanh', [timesConstant(graph, x, 1 / cap, type)]), cap, type)
}

/** Logits of what a vocabulary projection gives. */
export function scaledLogits(
  graph: Graph,
  projected: Value,
  { logitDivisor = 1, logitSoftcap }: LogitScale,
  type: FloatType = 'float32',
): Value {
  return softcapped(graph, timesConstant(graph, projected, 1 / logitDivisor, type), logitSoftcap, type)
}
