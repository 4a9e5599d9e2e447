import { stopGradient } from '../../onnx/autodiff/custom-gradient.js'
import { ELEMENT_TYPES, type FloatType, type Graph, type Value } from '../../onnx/graph.js'
import type { Experts } from '../spec.js'

/** What a mixture of experts is made of. */
export interface Mixture {
  readonly graph: Graph
  readonly experts: Experts
  /** Of x and of what an expert makes of it. */
  readonly type: FloatType
  readonly hiddenSize: number
  /** What an expert makes of tokens, [1, n, hidden]. */
  expert(x: Value, index: number): Value
}

/**
 * The sum of a token's experts, where each expert is given the tokens that take it: tokens are put in the order of their experts, cut
 * into a part for each, which may be of no token, and put back. Products with weights of 8 and 4 bits are faster so than ONNX Runtime's
 * QMoE (see docs/models.md).
 * @param x [1, T, hidden]
 * @param logits of all experts, float32 [1, T, count]
 * @returns [1, T, hidden]
 */
export function routedExperts(mixture: Mixture, x: Value, logits: Value): Value {
  const { graph, experts, type, hiddenSize } = mixture
  const { count, perToken } = experts
  const integers = (...values: number[]) => graph.constant('int64', values)
  const fresh = (stem: string) => Array.from({ length: count }, () => graph.fresh(stem))
  const [best, chosen] = bestExperts(graph, probabilitiesOf(graph, logits), perToken)
  const flat = graph.node('Reshape', [chosen, integers(-1)])
  const total = graph.node('Shape', [flat])
  const orderOf = (values: Value) =>
    graph.nodeWith('TopK', [values, total], { axis: 0, largest: 0 }, [
      graph.fresh('sorted'),
      graph.fresh('order'),
    ])[1]
  const order = orderOf(flat)
  const rows = graph.node('Gather', [x, graph.node('Div', [order, integers(perToken)])], { axis: 1 })
  const sizes = tokensByExpert(graph, flat, count)
  const parts = graph.nodeWith('Split', [rows, sizes], { axis: 1 }, fresh('tokens'))
  const results = parts.map((part, index) => mixture.expert(part, index))
  const together = graph.node('Concat', results, { axis: 1 })
  const byToken = graph.node('Gather', [together, orderOf(order)], { axis: 1 })
  const ofToken = graph.node('Reshape', [byToken, integers(1, -1, perToken, hiddenSize)])
  const weights = graph.node('Unsqueeze', [normalised(graph, best, experts), integers(3)])
  const weighted = graph.node('Mul', [ofToken, graph.cast(weights, 'float32', type)])
  return graph.node('ReduceSum', [weighted, integers(2)], { keepdims: 0 })
}

/**
 * The same, where all experts are given all tokens, and those that a token does not take count nothing: shapes do not depend on
 * values, which GPUs want, and gradients.
 */
export function allExperts(mixture: Mixture, x: Value, logits: Value): Value {
  const { graph, experts, type } = mixture
  const { count, perToken } = experts
  const probabilities = probabilitiesOf(graph, logits)
  const [, chosen] = bestExperts(graph, probabilities, perToken)
  const isExpert = graph.node('Equal', [
    graph.node('Unsqueeze', [chosen, graph.constant('int64', [3])]),
    graph.constant('int64', [...Array(count).keys()]),
  ])
  const ones = graph.node('Cast', [isExpert], { to: ELEMENT_TYPES.float32 })
  const mask = graph.node('ReduceSum', [ones, graph.constant('int64', [2])], { keepdims: 0 })
  const taken = graph.node('Mul', [probabilities, stopGradient(graph, mask)])
  const weights = graph.cast(normalised(graph, taken, experts), 'float32', type)
  const columns = graph.nodeWith(
    'Split',
    [weights, graph.constant('int64', Array(count).fill(1))],
    { axis: 2 },
    Array.from({ length: count }, () => graph.fresh('weight')),
  )
  return columns
    .map((weight, index) => graph.node('Mul', [mixture.expert(x, index), weight]))
    .reduce((sum, each) => graph.node('Add', [sum, each]))
}

/** Two matrices that hold all experts of a layer (`STACKED`). */
export interface StackedExperts {
  /** [count, 2 · intermediate, hidden]. */
  readonly gateUp: Value
  /** [count, hidden, intermediate]. */
  readonly down: Value
}

/**
 * The same in float32 on the CPU, of gated MLPs with SiLU, as ONNX Runtime's MoE. It always divides by the sum of a token's weights, by
 * which its result is multiplied where they count as they are: without `normalize_routing_weights` version 1.30 reads x after it
 * has written zeros to its output, for which the memory planner takes the memory of x.
 */
export function stackedExperts(
  graph: Graph,
  { count, perToken, normalised }: Experts,
  { gateUp, down }: StackedExperts,
  x: Value,
  logits: Value,
): Value {
  const routes = graph.node('Reshape', [logits, graph.constant('int64', [-1, count])])
  const mean = graph.node('com.microsoft::MoE', [x, routes, gateUp, '', down], {
    k: perToken,
    normalize_routing_weights: 1,
    // gate · sigmoid(alpha · gate) · (up + beta).
    activation_type: 'swiglu',
    activation_alpha: { float: 1 },
    activation_beta: { float: 0 },
    // Rows of gate and up in turns.
    swiglu_fusion: 1,
  })
  // The operator passes over experts whose logits are no numbers: the sum, times 0, makes a text of such weights none, as products do.
  if (normalised)
    return graph.node('Add', [
      mean,
      graph.node('Mul', [sumOf(graph, logits), graph.constant('float32', [0])]),
    ])
  const [best] = bestExperts(graph, probabilitiesOf(graph, logits), perToken)
  return graph.node('Mul', [mean, sumOf(graph, best)])
}

function probabilitiesOf(graph: Graph, logits: Value): Value {
  return graph.node('Softmax', [logits], { axis: -1 })
}

/** The largest probabilities of each token, and whose they are, int64; both [1, T, perToken]. */
function bestExperts(graph: Graph, probabilities: Value, perToken: number): Value[] {
  const outputs = [graph.fresh('best'), graph.fresh('experts')]
  return graph.nodeWith('TopK', [probabilities, graph.constant('int64', [perToken])], { axis: -1 }, outputs)
}

/** Weights of experts, which lie along the last of three axes. */
function normalised(graph: Graph, weights: Value, { normalised }: Experts): Value {
  if (!normalised) return weights
  return graph.node('Div', [weights, sumOf(graph, weights)])
}

/** Along the last of three axes, which stays. */
function sumOf(graph: Graph, weights: Value): Value {
  return graph.node('ReduceSum', [weights, graph.constant('int64', [2])], { keepdims: 1 })
}

/** How many tokens take each expert, int64 [count]. */
function tokensByExpert(graph: Graph, chosen: Value, count: number): Value {
  const each = graph.constant('int64', [...Array(count).keys()], [count, 1])
  const ones = graph.node('Cast', [graph.node('Equal', [chosen, each])], { to: ELEMENT_TYPES.int64 })
  return graph.node('ReduceSum', [ones, graph.constant('int64', [1])], { keepdims: 0 })
}
