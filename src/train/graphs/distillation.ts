import { customGradient } from '../../onnx/autodiff/custom-gradient.js'
import type { Graph, Value } from '../../onnx/graph.js'
import { logitsOf, negativeSum, type Projection, projectionGradients } from './losses.js'

export interface DistillationSettings {
  /** The share of the teacher in the loss, from 0 to 1; the rest is that of the targets. */
  readonly alpha: number
  /** Divides the logits of both models; above 0. */
  readonly temperature: number
}

/**
 * Σ w · (α T² · H(p, q) + (1 - α) · -log q[target]) (Hinton et al. 2015, section 2), where H is the cross-entropy of the
 * teacher's distribution p with the student's q, both at the temperature T: its gradient is that of the Kullback-Leibler
 * divergence, from which it differs by the teacher's entropy. As in `crossEntropy` projection and loss have one gradient.
 * @param teacher its logits, float32 [N, vocab]; they are not learnt from
 * @param targets int32 [N, 1]
 * @param weights float32 [N, 1]
 * @returns the loss, a scalar, and the student's log-probabilities at temperature 1, [N, vocab]
 */
export function distillation(
  graph: Graph,
  projection: Projection,
  teacher: Value,
  { targets, weights }: { targets: Value; weights: Value },
  { alpha, temperature }: DistillationSettings,
): { loss: Value; logProbabilities: Value } {
  const { hidden, weight } = projection
  const scaled = (value: Value, factor: number) =>
    factor === 1 ? value : graph.node('Mul', [value, graph.constant('float32', [factor])])
  const logits = logitsOf(graph, projection)
  const logProbabilities = graph.node('LogSoftmax', [logits], { axis: -1 })
  const soft =
    temperature === 1
      ? logProbabilities
      : graph.node('LogSoftmax', [scaled(logits, 1 / temperature)], { axis: -1 })
  const probabilities = graph.node('Softmax', [scaled(teacher, 1 / temperature)], { axis: -1 })
  const products = graph.node('Mul', [probabilities, soft])
  const ofTeacher = graph.node('ReduceSum', [products, graph.constant('int64', [1])], { keepdims: 1 })
  const ofTargets = graph.node('GatherElements', [logProbabilities, targets], { axis: 1 })
  const mixed = graph.node('Add', [scaled(ofTeacher, alpha * temperature ** 2), scaled(ofTargets, 1 - alpha)])
  const loss = negativeSum(graph, mixed, weights)
  customGradient(graph, loss, [hidden, weight], (gradient, tape) => {
    const towards = tape.op('Sub', [tape.op('Exp', [soft]), probabilities])
    const fromTeacher = scaled(towards, alpha * temperature)
    const minusShares = tape.expand(tape.scalar(alpha - 1), tape.shape(weights))
    const likely = scaled(tape.op('Exp', [logProbabilities]), 1 - alpha)
    const fromTargets = tape.op('ScatterElements', [likely, targets, minusShares], {
      axis: 1,
      reduction: 'add',
    })
    const difference = tape.op('Add', [fromTeacher, fromTargets])
    const shares = { difference, scale: tape.op('Mul', [weights, gradient]) }
    return projectionGradients(projection, logits, shares, tape)
  })
  return { loss, logProbabilities }
}
