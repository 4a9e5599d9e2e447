import { softcapped } from '../../models/decoder/scales.js'
import { customGradient } from '../../onnx/autodiff/custom-gradient.js'
import type { Tape } from '../../onnx/autodiff/tape.js'
import type { Graph, Value } from '../../onnx/graph.js'
import { throughCap } from './through-cap.js'

export interface AttentionSizes {
  readonly batch: number
  readonly length: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** c of c · tanh(score / c), which comes before the mask. */
  readonly attentionSoftcap?: number
}

/**
 * Softmax(Q Kᵀ + mask) V with grouped heads. Its gradient is that of FlashAttention (Dao et al. 2022, appendix B.2):
 * with dP = dO Vᵀ, dS = P ∘ (dP - rowsum(dO ∘ O)), which spares a pass over all scores; through a cap it is times 1 - (S / c)².
 * @param inputs queries [batch, heads, length, headDim], keys and values [batch, kvHeads, length, headDim]
 * @param mask [batch, 1, length, length]
 * @returns [batch, heads, length, headDim]
 */
export function attention(
  graph: Graph,
  inputs: readonly [Value, Value, Value],
  mask: Value,
  { batch, length, heads, kvHeads, headDim, attentionSoftcap: cap }: AttentionSizes,
): Value {
  // Heads that share a key-value head are rows of one product.
  const groupRows = (heads / kvHeads) * length
  const reshape = (x: Value, shape: number[]) => graph.node('Reshape', [x, graph.constant('int64', shape)])
  const grouped = (x: Value, width: number) => reshape(x, [batch, kvHeads, groupRows, width])
  const byHead = (x: Value, width: number) => reshape(x, [batch, heads, length, width])
  const product = (a: Value, b: Value, transB: number) =>
    graph.node('com.microsoft::FusedMatMul', [a, b], { transB })

  const [q, k, v] = inputs
  const queries = grouped(q, headDim)
  const scores = byHead(softcapped(graph, product(queries, k, 1), cap), length)
  const masked = graph.node('Add', [scores, mask])
  const weights = grouped(graph.node('Softmax', [masked], { axis: -1 }), length)
  const mixed = product(weights, v, 0)
  return customGradient(graph, byHead(mixed, headDim), inputs, (gradient, tape: Tape) => {
    const dO = grouped(gradient, headDim)
    const dV = tape.matMul(weights, dO, { transA: true })
    const dP = tape.matMul(dO, v, { transB: true })
    const rowSums = tape.sum(tape.op('Mul', [dO, mixed]), [3])
    const capped = tape.op('Mul', [weights, tape.op('Sub', [dP, rowSums])])
    const dS = throughCap(tape, capped, grouped(scores, length), cap)
    return [byHead(tape.matMul(dS, k), headDim), tape.matMul(dS, queries, { transA: true }), dV]
  })
}
