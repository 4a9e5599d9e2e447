import type { Node, Value } from '../graph.js'
import { axisOf, elements, integers } from '../shapes.js'
import type { GradientRule, Tape } from './tape.js'

/** The same elements in another shape. */
const reshaped: GradientRule = ({ inputs: [x] }, [dy], tape) => [tape.reshape(dy!, tape.shape(x))]

const transpose: GradientRule = ({ attributes }, [dy], tape) => {
  const perm = attributes.perm as number[]
  return [tape.op('Transpose', [dy!], { perm: perm.map((_, axis) => perm.indexOf(axis)) })]
}

const split: GradientRule = (node, gradients, tape) => {
  const axis = axisOf(node, tape.shape(node.inputs[0]).length, 0)
  const parts = gradients.map((dy, i) => dy ?? tape.zeros(tape.shape(node.outputs[i])))
  return [tape.op('Concat', parts, { axis })]
}

const concat: GradientRule = (node, [dy], tape) => {
  const shapes = node.inputs.map((input) => tape.shape(input))
  const axis = axisOf(node, shapes[0].length)
  const sizes = tape.integers(shapes.map((shape) => shape[axis]))
  const outputs = node.inputs.map(() => tape.graph.fresh('part'))
  return tape.graph.nodeWith('Split', [dy!, sizes], { axis }, outputs)
}

const slice: GradientRule = (node, [dy], tape) => {
  const shape = tape.shape(node.inputs[0])
  const [starts, , axes] = [1, 2, 3].map((i) => integers(tape.graph, node.inputs[i]))
  const length = tape.shape(node.outputs[0])
  const before = shape.map((_, axis) => (axes.includes(axis) ? starts[axes.indexOf(axis)] : 0))
  const after = shape.map((size, axis) => size - before[axis] - length[axis])
  return [tape.op('Pad', [dy!, tape.integers([...before, ...after])])]
}

/**
 * Rows of a table, each of which may be looked up several times. ScatterND would add the rows of one index from several
 * threads at once, and loses some of them.
 */
const gather: GradientRule = (node, [dy], tape) => {
  const [table, indices] = node.inputs
  const shape = tape.shape(table)
  const axis = axisOf(node, shape.length, 0)
  if (elements(shape.slice(0, axis)) !== 1) {
    throw new RangeError(
      `Gather has a gradient rule along the first axis only, not axis ${axis} of [${shape}]`,
    )
  }
  const [rows, width] = [shape[axis], elements(shape.slice(axis + 1))]
  const count = elements(tape.shape(indices))
  const places = tape.expand(tape.reshape(indices, [count, 1]), [count, width])
  return [tape.reshape(addAt(places, tape.reshape(dy!, [count, width]), [rows, width], 0, tape), shape)]
}

const gatherElements: GradientRule = (node, [dy], tape) => {
  const shape = tape.shape(node.inputs[0])
  return [addAt(node.inputs[1], dy!, shape, axisOf(node, shape.length, 0), tape)]
}

function addAt(places: Value, values: Value, shape: readonly number[], axis: number, tape: Tape): Value {
  return tape.op('ScatterElements', [tape.zeros(shape), places, values], { axis, reduction: 'add' })
}

/** A rotation is undone by the opposite angle. */
const rotaryEmbedding: GradientRule = ({ op, domain, inputs, attributes }: Node, [dy], tape) => {
  const [, positions, cos, sin] = inputs
  return [tape.op(`${domain}::${op}`, [dy!, positions, cos, tape.op('Neg', [sin])], attributes)]
}

export const LAYOUT_RULES: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Split: split,
  Concat: concat,
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  RotaryEmbedding: rotaryEmbedding,
}
