import type { Graph, Node, Value } from './graph.js'

export type Shape = readonly number[]

/** The shapes of a node's outputs, from those of its inputs. */
type ShapeRule = (node: Node, inputs: readonly Shape[], graph: Graph) => Shape[]

/**
 * The shape of every value of a graph whose inputs all have fixed dimensions, as training graphs have.
 * @throws RangeError for a named dimension or an operator that is not known, by name
 */
export function inferShapes(graph: Graph): Map<Value, Shape> {
  const shapes = new Map<Value, Shape>()
  for (const { name, shape } of graph.inputs) shapes.set(name, fixed(name, shape))
  for (const { name, shape } of graph.initializers.values()) shapes.set(name, shape)
  for (const node of graph.nodes) {
    const rule = RULES[node.op]
    if (!rule) throw new RangeError(`The shape of ${node.op}'s output is not known`)
    const inputs = node.inputs.map((input) => (input === '' ? [] : shapeOf(shapes, input)))
    rule(node, inputs, graph).forEach((shape, i) => {
      if (node.outputs[i]) shapes.set(node.outputs[i], shape)
    })
  }
  return shapes
}

function fixed(name: Value, shape: readonly (number | string)[]): Shape {
  return shape.map((dimension) => {
    if (typeof dimension === 'number') return dimension
    throw new RangeError(`The input ${name} has the dimension ${dimension}, which is not fixed`)
  })
}

function shapeOf(shapes: ReadonlyMap<Value, Shape>, value: Value): Shape {
  const shape = shapes.get(value)
  if (shape) return shape
  throw new RangeError(`The value ${value} is used before it is computed`)
}

export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The shape of an elementwise operation on operands of these shapes, by NumPy's rules. */
export function broadcast(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[shape.length - rank + i] ?? 1)
    const size = sizes.find((each) => each !== 1) ?? 1
    if (sizes.every((each) => each === 1 || each === size)) return size
    throw new RangeError(`Shapes ${shapes.map((shape) => `[${shape}]`).join(' and ')} do not fit together`)
  })
}

/** An axis counted from the front. */
export function axisOf(node: Node, rank: number, fallback = -1): number {
  const axis = (node.attributes.axis as number | undefined) ?? fallback
  return axis < 0 ? axis + rank : axis
}

/** The values of a constant int64 input: axes, sizes and shapes are always constants here. */
export function integers(graph: Graph, value: Value): number[] {
  const data = graph.initializers.get(value)?.data
  if (!data || !('bytes' in data)) throw new RangeError(`${value} is not a constant`)
  const { buffer, byteOffset, byteLength } = data.bytes
  return [...new BigInt64Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer)].map(Number)
}

/** The axes of a reduction, counted from the front; all where none are given. */
export function reducedAxes(node: Node, rank: number, graph: Graph): number[] {
  if (!node.inputs[1]) return Array.from({ length: rank }, (_, i) => i)
  return integers(graph, node.inputs[1]).map((axis) => (axis < 0 ? axis + rank : axis))
}

/** Rows and columns of a matrix operand. */
function matrix(shape: Shape, transposed: unknown): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns, rows] : [rows, columns]
}

const elementwise: ShapeRule = (_, inputs) => [broadcast(...inputs)]
const unary: ShapeRule = (_, [x]) => [x]

const product: ShapeRule = ({ op, attributes }, [a, b]) => {
  const [rows, inner] = matrix(a, attributes.transA)
  const [otherInner, columns] = matrix(b, attributes.transB)
  if (inner !== otherInner) throw new RangeError(`${op} cannot multiply [${a}] and [${b}]`)
  return [[...broadcast(a.slice(0, -2), b.slice(0, -2)), rows, columns]]
}

const reduction: ShapeRule = (node, [x], graph) => {
  const axes = reducedAxes(node, x.length, graph)
  if (node.attributes.keepdims === 0) return [x.filter((_, i) => !axes.includes(i))]
  return [x.map((size, i) => (axes.includes(i) ? 1 : size))]
}

const reshape: ShapeRule = (node, [x], graph) => {
  const target = integers(graph, node.inputs[1])
  const known = elements(target.filter((size) => size !== -1))
  const shape = target.map((size) => (size === -1 ? elements(x) / known : size))
  if (elements(shape) !== elements(x)) throw new RangeError(`[${x}] cannot be reshaped to [${target}]`)
  return [shape]
}

const split: ShapeRule = (node, [x], graph) => {
  const axis = axisOf(node, x.length, 0)
  return integers(graph, node.inputs[1]).map((size) => x.with(axis, size))
}

const concat: ShapeRule = (node, inputs) => {
  const axis = axisOf(node, inputs[0].length)
  return [
    inputs[0].with(
      axis,
      inputs.reduce((sum, shape) => sum + shape[axis], 0),
    ),
  ]
}

const topK: ShapeRule = (node, [x], graph) => {
  const [count] = integers(graph, node.inputs[1])
  const shape = x.with(axisOf(node, x.length), count)
  return [shape, shape]
}

const gather: ShapeRule = (node, [x, indices]) => {
  const axis = axisOf(node, x.length, 0)
  return [[...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]]
}

const unsqueeze: ShapeRule = (node, [x], graph) => {
  const axes = integers(graph, node.inputs[1]).sort((a, b) => a - b)
  const shape = [...x]
  for (const axis of axes) shape.splice(axis, 0, 1)
  return [shape]
}

const slice: ShapeRule = (node, [x], graph) => {
  const [starts, ends, axes] = [1, 2, 3].map((i) => integers(graph, node.inputs[i]))
  const shape = [...x]
  axes.forEach((axis, i) => {
    shape[axis] = Math.min(ends[i], x[axis]) - starts[i]
  })
  return [shape]
}

/** The shape is the value of a constant input. */
const given =
  (input: number): ShapeRule =>
  (node, _, graph) => [integers(graph, node.inputs[input])]

const pad: ShapeRule = (node, [x], graph) => {
  const amounts = integers(graph, node.inputs[1])
  return [x.map((size, axis) => size + amounts[axis] + amounts[axis + x.length])]
}

const RULES: Readonly<Record<string, ShapeRule>> = {
  Add: elementwise,
  And: elementwise,
  ArgMax: (node, [x]) => [x.with(axisOf(node, x.length, 0), 1)],
  Cast: unary,
  Concat: concat,
  ConstantOfShape: given(0),
  Div: elementwise,
  Equal: elementwise,
  Exp: unary,
  Expand: given(1),
  FusedMatMul: product,
  Gather: gather,
  GatherElements: (_, [, indices]) => [indices],
  Gelu: unary,
  Gemm: product,
  Greater: elementwise,
  GreaterOrEqual: elementwise,
  Identity: unary,
  LayerNormalization: (_, [x]) => [x, x.with(-1, 1), x.with(-1, 1)],
  Less: elementwise,
  LessOrEqual: elementwise,
  Log: unary,
  LogSoftmax: unary,
  MatMul: product,
  MatMulNBits: ({ attributes }, [x]) => [x.with(-1, attributes.N as number)],
  Max: elementwise,
  Min: elementwise,
  Mul: elementwise,
  Neg: unary,
  Pad: pad,
  QuickGelu: unary,
  Reciprocal: unary,
  ReduceMean: reduction,
  ReduceSum: reduction,
  Relu: unary,
  Reshape: reshape,
  RotaryEmbedding: unary,
  ScatterElements: unary,
  Sigmoid: unary,
  SimplifiedLayerNormalization: (_, [x]) => [x, x.with(-1, 1)],
  SkipSimplifiedLayerNormalization: (_, [x]) => [x, x.with(-1, 1), x.with(-1, 1), x],
  Slice: slice,
  Softmax: unary,
  Split: split,
  Sqrt: unary,
  Sub: elementwise,
  Erf: unary,
  Tanh: unary,
  TopK: topK,
  Transpose: ({ attributes }, [x]) => [(attributes.perm as number[]).map((axis) => x[axis])],
  Unsqueeze: unsqueeze,
  Where: elementwise,
}
