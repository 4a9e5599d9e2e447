import type { BatchShape } from '../../models/batch-decoder.js'
import { crossEntropy, type Projection, topAccuracy } from '../../models/losses.js'
import type { Graph, Value } from '../../onnx/graph.js'
import { type Metric, sumOf, tokenInputs } from '../objective.js'

export interface HeadLosses {
  /** Σ w · cross-entropy of each head, scalars. */
  readonly losses: readonly Value[]
  readonly metrics: Readonly<Record<string, Metric>>
}

/**
 * The losses of heads that predict tokens beyond the next one: the first of `projections` at distance `first`, and so on.
 * Metrics by position, means over the tokens that have a target there: `loss_k`, and the accuracies `top1_k` and
 * `top5_k`; position 1 is the first token beyond the next.
 */
export function headLosses(graph: Graph, shape: BatchShape, projections: readonly Projection[]): HeadLosses {
  const losses: Value[] = []
  const metrics: Record<string, Metric> = {}
  for (const [i, projection] of projections.entries()) {
    const position = i + 1
    const { targets, weights } = tokenInputs(graph, shape, position)
    const { loss, logProbabilities } = crossEntropy(graph, projection, targets, weights)
    const weight = sumOf(graph, weights)
    losses.push(loss)
    metrics[`loss_${position}`] = { sum: loss, weight }
    for (const k of [1, 5]) {
      const sum = topAccuracy(graph, logProbabilities, targets, weights, k)
      metrics[`top${k}_${position}`] = { sum, weight }
    }
  }
  return { losses, metrics }
}

/** Σ factor · loss. */
export function weightedLosses(graph: Graph, losses: readonly Value[], factors: readonly number[]): Value {
  const terms = losses.map((loss, i) =>
    factors[i] === 1 ? loss : graph.node('Mul', [loss, graph.constant('float32', [factors[i]], [])]),
  )
  return terms.reduce((sum, term) => graph.node('Add', [sum, term]))
}
