import { scaledLogits } from '../../models/decoder/scales.js'
import type { LogitScale } from '../../models/spec.js'
import { customGradient } from '../../onnx/autodiff/custom-gradient.js'
import type { Tape } from '../../onnx/autodiff/tape.js'
import { ELEMENT_TYPES, type Graph, type Value } from '../../onnx/graph.js'
import { throughCap } from './through-cap.js'

/** A vocabulary projection: a linear layer's inputs [N, hidden], its weights [vocab, hidden], and what makes logits of the product. */
export interface Projection {
  readonly hidden: Value
  readonly weight: Value
  readonly scale: LogitScale
}

/** Logits, [N, vocab]. */
export function logitsOf(graph: Graph, { hidden, weight, scale }: Projection): Value {
  return scaledLogits(graph, graph.node('Gemm', [hidden, weight], { transB: 1 }), scale)
}

/**
 * Σ w · -log softmax(logits)[target], a scalar. Projection and loss have one gradient: softmax minus one-hot takes
 * the place of the probabilities in memory, and token weights scale rows of the narrow side (w and upstream gradient
 * act on [N, hidden], never on [N, vocab]).
 * @param targets int32 [N, 1]
 * @param weights float32 [N, 1]
 */
export function crossEntropy(
  graph: Graph,
  projection: Projection,
  targets: Value,
  weights: Value,
): { loss: Value; logProbabilities: Value } {
  const { hidden, weight } = projection
  const logits = logitsOf(graph, projection)
  const logProbabilities = graph.node('LogSoftmax', [logits], { axis: -1 })
  const ofTargets = graph.node('GatherElements', [logProbabilities, targets], { axis: 1 })
  const loss = negativeSum(graph, ofTargets, weights)
  customGradient(graph, loss, [hidden, weight], (gradient, tape) => {
    const minusOnes = tape.expand(tape.scalar(-1), tape.shape(weights))
    const difference = tape.op('ScatterElements', [tape.op('Exp', [logProbabilities]), targets, minusOnes], {
      axis: 1,
      reduction: 'add',
    })
    const shares = { difference, scale: tape.op('Mul', [weights, gradient]) }
    return projectionGradients(projection, logits, shares, tape)
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

/** -Σ w · log p, a scalar. */
export function negativeSum(graph: Graph, logProbabilities: Value, weights: Value): Value {
  const losses = graph.node('Neg', [graph.node('Mul', [logProbabilities, weights])])
  return graph.node('ReduceSum', [losses], { keepdims: 0 })
}

/**
 * @param logits of the projection
 * @param shares the loss's gradient by logit and before weighting, [N, vocab], and the weights, [N, 1]
 */
export function projectionGradients(
  { hidden, weight, scale: { logitDivisor = 1, logitSoftcap } }: Projection,
  logits: Value,
  shares: { readonly difference: Value; readonly scale: Value },
  tape: Tape,
): (Value | undefined)[] {
  const difference = throughCap(tape, shares.difference, logits, logitSoftcap)
  const scale =
    logitDivisor === 1 ? shares.scale : tape.op('Mul', [shares.scale, tape.scalar(1 / logitDivisor)])
  const scaled = (rows: Value) => tape.op('Mul', [rows, scale])
  return [
    tape.isActive(hidden) ? scaled(tape.matMul(difference, weight)) : undefined,
    tape.isActive(weight) ? tape.matMul(difference, scaled(hidden), { transA: true }) : undefined,
  ]
}
