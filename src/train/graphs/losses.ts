import { customGradient } from '../../onnx/autodiff/custom-gradient.js'
import type { Tape } from '../../onnx/autodiff/tape.js'
import { ELEMENT_TYPES, type Graph, type Value } from '../../onnx/graph.js'

/** A linear layer's inputs [N, hidden], and its weights [vocab, hidden]. */
export interface Projection {
  readonly hidden: Value
  readonly weight: Value
}

/**
 * Σ w · -log softmax(hidden Wᵀ)[target], a scalar. Projection and loss have one gradient: softmax minus one-hot takes
 * the place of the probabilities in memory, and token weights scale rows of the narrow side (w and upstream gradient
 * act on [N, hidden], never on [N, vocab]).
 * @param targets int32 [N, 1]
 * @param weights float32 [N, 1]
 */
export function crossEntropy(
  graph: Graph,
  { hidden, weight }: Projection,
  targets: Value,
  weights: Value,
): { loss: Value; logProbabilities: Value } {
  const logProbabilities = logSoftmax(graph, { hidden, weight })
  const ofTargets = graph.node('GatherElements', [logProbabilities, targets], { axis: 1 })
  const loss = negativeSum(graph, ofTargets, weights)
  customGradient(graph, loss, [hidden, weight], (gradient, tape) => {
    const minusOnes = tape.expand(tape.scalar(-1), tape.shape(weights))
    const difference = tape.op('ScatterElements', [tape.op('Exp', [logProbabilities]), targets, minusOnes], {
      axis: 1,
      reduction: 'add',
    })
    return projectionGradients({ hidden, weight }, difference, tape.op('Mul', [weights, gradient]), tape)
  })
  return { loss, logProbabilities }
}

/**
 * Σ w · [the target is among the k likeliest], a scalar without a gradient.
 * @param scores float32 [N, vocab]
 * @param targets int32 [N, 1]
 */
export function topAccuracy(graph: Graph, scores: Value, targets: Value, weights: Value, k: number): Value {
  const ofTargets = graph.node('GatherElements', [scores, targets], { axis: 1 })
  const isBetter = graph.node('Cast', [graph.node('Greater', [scores, ofTargets])], {
    to: ELEMENT_TYPES.float32,
  })
  const rank = graph.node('ReduceSum', [isBetter, graph.constant('int64', [1])], { keepdims: 1 })
  const isHit = graph.node('Less', [rank, graph.constant('float32', [k])])
  const hits = graph.node('Mul', [graph.node('Cast', [isHit], { to: ELEMENT_TYPES.float32 }), weights])
  return graph.node('ReduceSum', [hits], { keepdims: 0 })
}

function logSoftmax(graph: Graph, { hidden, weight }: Projection): Value {
  return graph.node('LogSoftmax', [graph.node('Gemm', [hidden, weight], { transB: 1 })], { axis: -1 })
}

/** -Σ w · log p, a scalar. */
export function negativeSum(graph: Graph, logProbabilities: Value, weights: Value): Value {
  const losses = graph.node('Neg', [graph.node('Mul', [logProbabilities, weights])])
  return graph.node('ReduceSum', [losses], { keepdims: 0 })
}

/** @param difference by logit and before weighting, [N, vocab]; `scale` is [N, 1] */
export function projectionGradients(
  { hidden, weight }: Projection,
  difference: Value,
  scale: Value,
  tape: Tape,
): (Value | undefined)[] {
  const scaled = (rows: Value) => tape.op('Mul', [rows, scale])
  return [
    tape.isActive(hidden) ? scaled(tape.matMul(difference, weight)) : undefined,
    tape.isActive(weight) ? tape.matMul(difference, scaled(hidden), { transA: true }) : undefined,
  ]
}
