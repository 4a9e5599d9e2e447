import type { Graph, Value } from '../graph.js'
import type { Tape } from './tape.js'

/** The gradients of the inputs of a part of a graph, from that of its output. */
export interface CustomGradient {
  readonly inputs: readonly Value[]
  backward(gradient: Value, tape: Tape): (Value | undefined)[]
}

const gradients = new WeakMap<Graph, Map<Value, CustomGradient>>()

/**
 * Gives a value a gradient of its own, instead of those of the nodes that compute it from `inputs`: for what is better
 * differentiated as a whole (JAX's `custom_vjp`). Nothing outside may use what lies between.
 * @returns `output`
 */
export function customGradient(
  graph: Graph,
  output: Value,
  inputs: readonly Value[],
  backward: CustomGradient['backward'],
): Value {
  const ofGraph = gradients.get(graph) ?? new Map<Value, CustomGradient>()
  gradients.set(graph, ofGraph.set(output, { inputs, backward }))
  return output
}

/** A value that counts as a constant: nothing that it is computed from has a gradient through it. */
export function stopGradient(graph: Graph, value: Value): Value {
  return customGradient(graph, value, [], () => [])
}

export function customGradientOf(graph: Graph, output: Value): CustomGradient | undefined {
  return gradients.get(graph)?.get(output)
}
