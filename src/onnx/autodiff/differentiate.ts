import type { Graph, Node, Value } from '../graph.js'
import { elements, inferShapes } from '../shapes.js'
import { customGradientOf } from './custom-gradient.js'
import { RULES } from './rules.js'
import { Tape } from './tape.js'

/**
 * Adds to the graph the nodes that compute the gradients of a scalar by reverse-mode differentiation.
 * @param loss a float32 value of one element
 * @param parameters values whose gradients are wanted; nothing is computed for what does not depend on them
 * @returns the gradients, in the order of `parameters` and of their shapes; zeros where the loss does not depend on one
 * @throws RangeError for an operator without a rule on the way from a parameter to the loss, by name
 */
export function differentiate(graph: Graph, loss: Value, parameters: readonly Value[]): Value[] {
  const shapes = inferShapes(graph)
  if (elements(shapes.get(loss)!) !== 1) throw new RangeError(`The loss has the shape [${shapes.get(loss)}]`)
  const forward = [...graph.nodes]
  const tape = new Tape(graph, shapes, dependents(graph, forward, parameters))
  const gradients = new Gradients(tape)
  gradients.add(loss, tape.expand(tape.scalar(1), shapes.get(loss)!))
  for (const node of forward.toReversed()) backward(node, gradients, tape)
  return parameters.map((parameter) => gradients.take(parameter) ?? tape.zeros(shapes.get(parameter)!))
}

/** The values that depend on the parameters, the parameters among them. */
function dependents(graph: Graph, nodes: readonly Node[], parameters: readonly Value[]): Set<Value> {
  const active = new Set(parameters)
  for (const { inputs, outputs } of nodes) {
    const custom = customGradientOf(graph, outputs[0])
    if ((custom?.inputs ?? inputs).some((input) => active.has(input))) {
      for (const output of outputs) active.add(output)
    }
  }
  return active
}

function backward(node: Node, gradients: Gradients, tape: Tape): void {
  const { inputs, outputs } = node
  if (!outputs.some((output) => tape.isActive(output))) return
  const own = outputs.map((output) => (output === '' ? undefined : gradients.take(output)))
  if (own.every((gradient) => gradient === undefined)) return
  const custom = customGradientOf(tape.graph, outputs[0])
  const results = custom ? custom.backward(own[0]!, tape) : ruleOf(node)(node, own, tape)
  const sources = custom?.inputs ?? inputs
  for (const [i, gradient] of results.entries()) {
    if (gradient !== undefined && tape.isActive(sources[i])) gradients.add(sources[i], gradient)
  }
}

function ruleOf(node: Node) {
  const rule = RULES[node.op]
  if (rule) return rule
  throw new RangeError(`${node.op} has no gradient rule: what is trained may not lie behind it`)
}

/** The gradients of values whose uses have not all been met yet. */
class Gradients {
  private readonly sums = new Map<Value, Value>()

  constructor(private readonly tape: Tape) {}

  add(value: Value, gradient: Value): void {
    const sum = this.sums.get(value)
    this.sums.set(value, sum === undefined ? gradient : this.tape.op('Add', [sum, gradient]))
  }

  take(value: Value): Value | undefined {
    const sum = this.sums.get(value)
    this.sums.delete(value)
    return sum
  }
}
