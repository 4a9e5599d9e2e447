import type { Attribute, Node, Value } from '../graph.js'
import { axisOf } from '../shapes.js'
import { unary } from './elementwise-rules.js'
import type { GradientRule, Tape } from './tape.js'

const numberOf = (attribute: Attribute | undefined, fallback: number) =>
  typeof attribute === 'object' && 'float' in attribute ? attribute.float : fallback

/** sum(a * b) over one axis, which stays with size 1. */
function dot(a: Value, b: Value, axis: number, tape: Tape): Value {
  return tape.sum(tape.op('Mul', [a, b]), [axis])
}

/** y = x σ(αx): dy/dx = σ + αy(1 - σ). */
const quickGelu: GradientRule = ({ inputs: [x], outputs: [y], attributes }, [dy], tape) => {
  const alpha = numberOf(attributes.alpha, 1.702)
  const scaled = (value: Value) => (alpha === 1 ? value : tape.op('Mul', [value, tape.scalar(alpha)]))
  const sigmoid = tape.op('Sigmoid', [scaled(x)])
  const rest = tape.op('Mul', [scaled(y), tape.op('Sub', [tape.scalar(1), sigmoid])])
  return [tape.op('Mul', [dy!, tape.op('Add', [sigmoid, rest])])]
}

const gelu: GradientRule = (node, gradients, tape) =>
  (node.attributes.approximate === 'tanh' ? tanhGelu : exactGelu)(node, gradients, tape)

/** y = x Φ(x): dy/dx = Φ(x) + x φ(x), with the normal distribution's Φ(x) = (1 + erf(x/√2))/2 and φ(x) = exp(-x²/2)/√(2π). */
const exactGelu: GradientRule = ({ inputs: [x] }, [dy], tape) => {
  const { op, scalar } = bound(tape)
  const distribution = op(
    'Mul',
    op('Add', op('Erf', op('Mul', x, scalar(Math.SQRT1_2))), scalar(1)),
    scalar(0.5),
  )
  const bell = op('Exp', op('Mul', op('Mul', x, x), scalar(-0.5)))
  const density = op('Mul', bell, scalar(1 / Math.sqrt(2 * Math.PI)))
  return [op('Mul', dy!, op('Add', distribution, op('Mul', x, density)))]
}

/** y = x/2 (1 + t) with t = tanh(c(x + kx³)): dy/dx = (1 + t)/2 + x/2 (1 - t²) c(1 + 3kx²). */
const tanhGelu: GradientRule = ({ inputs: [x] }, [dy], tape) => {
  const [c, k] = [Math.sqrt(2 / Math.PI), 0.044715]
  const { op, scalar } = bound(tape)
  const square = op('Mul', x, x)
  const inner = op('Mul', op('Mul', x, scalar(c)), op('Add', op('Mul', square, scalar(k)), scalar(1)))
  const t = op('Tanh', inner)
  const left = op('Mul', op('Add', t, scalar(1)), scalar(0.5))
  const slope = op('Add', op('Mul', square, scalar(1.5 * k * c)), scalar(0.5 * c))
  const right = op('Mul', op('Mul', x, op('Sub', scalar(1), op('Mul', t, t))), slope)
  return [op('Mul', dy!, op('Add', left, right))]
}

function bound(tape: Tape) {
  return {
    op: (name: string, ...inputs: Value[]) => tape.op(name, inputs),
    scalar: (value: number) => tape.scalar(value),
  }
}

const softmax: GradientRule = (node, [dy], tape) => {
  const [y] = node.outputs
  const axis = axisOf(node, tape.shape(y).length)
  return [tape.op('Mul', [y, tape.op('Sub', [dy!, dot(dy!, y, axis, tape)])])]
}

const logSoftmax: GradientRule = (node, [dy], tape) => {
  const [y] = node.outputs
  const sum = tape.sum(dy!, [axisOf(node, tape.shape(y).length)])
  return [tape.op('Sub', [dy!, tape.op('Mul', [tape.op('Exp', [y]), sum])])]
}

/**
 * y = w x̂ with x̂ = x r and r = 1 / sqrt(mean(x²) + ε) over the last axis:
 * dx = r (w dy - x̂ mean(w dy x̂)), and dw = Σ dy x̂.
 */
function rmsNorm(
  x: Value,
  weight: Value,
  r: Value,
  dy: Value,
  tape: Tape,
): [dx: Value, dw: Value | undefined] {
  const shape = tape.shape(x)
  const normed = tape.op('Mul', [x, r])
  const dw = () => tape.sumTo(tape.op('Mul', [dy, normed]), shape, tape.shape(weight))
  const weighted = tape.op('Mul', [dy, weight])
  const product = tape.op('Mul', [weighted, normed])
  const mean = tape.op('ReduceMean', [product, tape.integers([shape.length - 1])], { keepdims: 1 })
  const dx = tape.op('Mul', [tape.op('Sub', [weighted, tape.op('Mul', [normed, mean])]), r])
  return [dx, tape.isActive(weight) ? dw() : undefined]
}

const simplifiedLayerNormalization: GradientRule = (node, [dy], tape) => {
  const [x, weight] = node.inputs
  // The operator gives r as its second output to whoever names it.
  node.outputs[1] ||= tape.graph.fresh('inverse_rms')
  return rmsNorm(x, weight, node.outputs[1], dy!, tape)
}

/**
 * y = w x̂ + b with x̂ = (x - mean(x)) r and r = 1 / sqrt(var(x) + ε) over the last axis:
 * dx = r (w dy - mean(w dy) - x̂ mean(w dy x̂)), dw = Σ dy x̂, and db = Σ dy.
 */
const layerNormalization: GradientRule = (node, [dy], tape) => {
  const [x, weight, bias] = node.inputs
  // The operator gives mean and r to whoever names them.
  node.outputs[1] ||= tape.graph.fresh('mean')
  node.outputs[2] ||= tape.graph.fresh('inverse_deviation')
  const shape = tape.shape(x)
  const { op } = bound(tape)
  const mean = (value: Value) =>
    tape.op('ReduceMean', [value, tape.integers([shape.length - 1])], { keepdims: 1 })
  const normed = op('Mul', op('Sub', x, node.outputs[1]), node.outputs[2])
  const weighted = op('Mul', dy!, weight)
  const centred = op('Sub', weighted, mean(weighted))
  const dx = op(
    'Mul',
    op('Sub', centred, op('Mul', normed, mean(op('Mul', weighted, normed)))),
    node.outputs[2],
  )
  return [
    dx,
    tape.isActive(weight) ? tape.sumTo(op('Mul', dy!, normed), shape, tape.shape(weight)) : undefined,
    bias && tape.isActive(bias) ? tape.sumTo(dy!, shape, tape.shape(bias)) : undefined,
  ]
}

/** The sum of both inputs is the fourth output, and has a gradient of its own. */
const skipSimplifiedLayerNormalization: GradientRule = (node, [dy, , , residual], tape) => {
  const sum = node.outputs[3]
  let gradient = residual
  let dw: Value | undefined
  if (dy !== undefined) {
    const [dx, weight] = rmsNorm(sum, node.inputs[2], inverseRms(node, sum, tape), dy, tape)
    gradient = residual === undefined ? dx : tape.op('Add', [residual, dx])
    dw = weight
  }
  return [gradient, gradient, dw]
}

/** On the CPU this operator does not give it. */
function inverseRms(node: Node, x: Value, tape: Tape): Value {
  const axes = tape.integers([tape.shape(x).length - 1])
  const mean = tape.op('ReduceMean', [tape.op('Mul', [x, x]), axes], { keepdims: 1 })
  const epsilon = tape.scalar(numberOf(node.attributes.epsilon, 1e-5))
  return tape.op('Reciprocal', [tape.op('Sqrt', [tape.op('Add', [mean, epsilon])])])
}

export const ACTIVATION_RULES: Readonly<Record<string, GradientRule>> = {
  Sigmoid: unary((dy, _, y, tape) =>
    tape.op('Mul', [dy, tape.op('Mul', [y, tape.op('Sub', [tape.scalar(1), y])])]),
  ),
  Tanh: unary((dy, _, y, tape) =>
    tape.op('Mul', [dy, tape.op('Sub', [tape.scalar(1), tape.op('Mul', [y, y])])]),
  ),
  Relu: unary((dy, x, _, tape) => {
    const zero = tape.scalar(0)
    return tape.op('Where', [tape.op('Greater', [x, zero]), dy, zero])
  }),
  QuickGelu: quickGelu,
  Gelu: gelu,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
  SkipSimplifiedLayerNormalization: skipSimplifiedLayerNormalization,
}
