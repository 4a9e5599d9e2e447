import type { Node, Value } from '../graph.js'
import { elements, reducedAxes, type Shape } from '../shapes.js'
import type { GradientRule, Tape } from './tape.js'

/** A rule of y = f(a, b) with broadcasting: the gradients of a and b as they would be without it. */
function binary(
  a: (dy: Value, node: Node, tape: Tape) => Value,
  b: (dy: Value, node: Node, tape: Tape) => Value,
): GradientRule {
  return (node, [dy], tape) => {
    const from = tape.shape(node.outputs[0])
    return [a, b].map((rule, i) => {
      const input = node.inputs[i]
      return tape.isActive(input) ? tape.sumTo(rule(dy!, node, tape), from, tape.shape(input)) : undefined
    })
  }
}

/** A rule of y = f(x): the gradient from that of y, x and y. */
export function unary(rule: (dy: Value, x: Value, y: Value, tape: Tape) => Value): GradientRule {
  return (node, [dy], tape) => [rule(dy!, node.inputs[0], node.outputs[0], tape)]
}

const pass = (dy: Value) => dy

/** Where the operands are equal, the first one is taken for the greater (or smaller). */
function extremum(isFirst: (inputs: Value[], tape: Tape) => Value): GradientRule {
  const where = (first: boolean) => (dy: Value, node: Node, tape: Tape) => {
    const zero = tape.scalar(0)
    return tape.op('Where', [isFirst(node.inputs, tape), ...(first ? [dy, zero] : [zero, dy])])
  }
  return binary(where(true), where(false))
}

/** A reduction's gradient is the same for everything that it reduced. */
function reduction(scale: (from: Shape, to: Shape) => number): GradientRule {
  return (node, [dy], tape) => {
    const from = tape.shape(node.inputs[0])
    const axes = reducedAxes(node, from.length, tape.graph)
    const kept = from.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const factor = scale(from, kept)
    const scaled = factor === 1 ? dy! : tape.op('Mul', [dy!, tape.scalar(factor)])
    return [tape.expand(tape.reshape(scaled, kept), from)]
  }
}

export const ELEMENTWISE_RULES: Readonly<Record<string, GradientRule>> = {
  Add: binary(pass, pass),
  Sub: binary(pass, (dy, _, tape) => tape.op('Neg', [dy])),
  Mul: binary(
    (dy, { inputs }, tape) => tape.op('Mul', [dy, inputs[1]]),
    (dy, { inputs }, tape) => tape.op('Mul', [dy, inputs[0]]),
  ),
  Div: binary(
    (dy, { inputs }, tape) => tape.op('Div', [dy, inputs[1]]),
    (dy, { inputs, outputs }, tape) =>
      tape.op('Neg', [tape.op('Div', [tape.op('Mul', [dy, outputs[0]]), inputs[1]])]),
  ),
  Max: extremum(([a, b], tape) => tape.op('GreaterOrEqual', [a, b])),
  Min: extremum(([a, b], tape) => tape.op('LessOrEqual', [a, b])),
  Where: (node, [dy], tape) => {
    const [condition, ...branches] = node.inputs
    const from = tape.shape(node.outputs[0])
    const zero = tape.scalar(0)
    const chosen = branches.map((branch, i) => {
      if (!tape.isActive(branch)) return undefined
      const part = tape.op('Where', [condition, ...(i === 0 ? [dy!, zero] : [zero, dy!])])
      return tape.sumTo(part, from, tape.shape(branch))
    })
    return [undefined, ...chosen]
  },
  Neg: unary((dy, _x, _y, tape) => tape.op('Neg', [dy])),
  Exp: unary((dy, _, y, tape) => tape.op('Mul', [dy, y])),
  Log: unary((dy, x, _, tape) => tape.op('Div', [dy, x])),
  Sqrt: unary((dy, _, y, tape) => tape.op('Div', [tape.op('Mul', [dy, tape.scalar(0.5)]), y])),
  Identity: unary(pass),
  ReduceSum: reduction(() => 1),
  ReduceMean: reduction((from, to) => elements(to) / elements(from)),
}
