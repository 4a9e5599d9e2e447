import type { Node, Value } from '../graph.js'
import { elements, type Shape } from '../shapes.js'
import type { GradientRule, Tape } from './tape.js'

/** y = α A' B', where A' and B' are A and B or their transposes. */
interface Product {
  readonly a: Value
  readonly b: Value
  readonly transA: boolean
  readonly transB: boolean
  readonly alpha: number
}

function productOf({ op, inputs: [a, b], attributes }: Node): Product {
  if (attributes.transBatchA || attributes.transBatchB) {
    throw new RangeError(`${op} with transposed batches has no gradient rule`)
  }
  const { alpha } = attributes
  return {
    a,
    b,
    transA: Boolean(attributes.transA),
    transB: Boolean(attributes.transB),
    alpha: typeof alpha === 'object' && 'float' in alpha ? alpha.float : 1,
  }
}

function gradientOfA({ a, b, transA, transB, alpha }: Product, dy: Value, tape: Tape): Value | undefined {
  if (!tape.isActive(a)) return undefined
  return transA
    ? tape.matMul(b, dy, { transA: transB, transB: true, alpha })
    : tape.matMul(dy, b, { transB: !transB, alpha })
}

function gradientOfB({ a, b, transA, transB, alpha }: Product, dy: Value, tape: Tape): Value | undefined {
  if (!tape.isActive(b)) return undefined
  return transB
    ? tape.matMul(dy, a, { transA: true, transB: transA, alpha })
    : tape.matMul(a, dy, { transA: !transA, alpha })
}

const matMul: GradientRule = (node, [dy], tape) => {
  const product = productOf(node)
  const [aShape, bShape, yShape] = [product.a, product.b, node.outputs[0]].map((value) => tape.shape(value))
  const da = gradientOfA(product, dy!, tape)
  const summed = (gradient: Value | undefined, shape: Shape) =>
    gradient && tape.sumTo(gradient, [...yShape.slice(0, -2), ...shape.slice(-2)], shape)
  if (bShape.length > 2 || aShape.length === 2 || product.transA) {
    return [summed(da, aShape), summed(gradientOfB(product, dy!, tape), bShape)]
  }
  // One matrix for a batch: its gradient is one product over all rows, instead of a sum of products.
  const rows = (value: Value, shape: Shape) =>
    tape.reshape(value, [elements(shape) / shape.at(-1)!, shape.at(-1)!])
  if (!tape.isActive(product.b)) return [da, undefined]
  const flat = { a: rows(product.a, aShape), dy: rows(dy!, yShape) }
  return [da, gradientOfB({ ...product, a: flat.a }, flat.dy, tape)]
}

const gemm: GradientRule = (node, [dy], tape) => {
  const product = productOf(node)
  const bias = node.inputs[2]
  const dc = () => tape.sumTo(dy!, tape.shape(node.outputs[0]), tape.shape(bias))
  return [
    gradientOfA(product, dy!, tape),
    gradientOfB(product, dy!, tape),
    bias && tape.isActive(bias) ? dc() : undefined,
  ]
}

export const MATRIX_RULES: Readonly<Record<string, GradientRule>> = {
  MatMul: matMul,
  FusedMatMul: matMul,
  Gemm: gemm,
}
