import type { Attribute, Graph, Node, Value } from '../graph.js'
import { elements, type Shape } from '../shapes.js'

/**
 * The gradients of a node's inputs, from those of its outputs (undefined where the loss does not depend on an output);
 * undefined for an input that is not `tape.isActive`.
 */
export type GradientRule = (
  node: Node,
  gradients: readonly (Value | undefined)[],
  tape: Tape,
) => (Value | undefined)[]

/** What a gradient rule works with: the graph that it adds nodes to, and what is known of the values there. */
export class Tape {
  constructor(
    readonly graph: Graph,
    private readonly shapes: ReadonlyMap<Value, Shape>,
    private readonly active: ReadonlySet<Value>,
  ) {}

  /** Whether the value depends on what is differentiated with respect to. */
  isActive(value: Value): boolean {
    return this.active.has(value)
  }

  /** Of a value of the forward pass. */
  shape(value: Value): Shape {
    return this.shapes.get(value)!
  }

  op(op: string, inputs: Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.graph.node(op, inputs, attributes)
  }

  scalar(value: number): Value {
    return this.graph.constant('float32', [value], [])
  }

  zeros(shape: Shape): Value {
    return this.op('ConstantOfShape', [this.integers(shape)])
  }

  integers(values: Shape): Value {
    return this.graph.constant('int64', values)
  }

  reshape(value: Value, shape: Shape): Value {
    return this.op('Reshape', [value, this.integers(shape)])
  }

  expand(value: Value, shape: Shape): Value {
    return this.op('Expand', [value, this.integers(shape)])
  }

  /** a · b of the last two axes, either transposed. */
  matMul(a: Value, b: Value, { transA = false, transB = false, alpha = 1 } = {}): Value {
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } }
    return this.op('com.microsoft::FusedMatMul', [a, b], attributes)
  }

  sum(value: Value, axes: readonly number[], keepdims = true): Value {
    return this.op('ReduceSum', [value, this.integers(axes)], { keepdims: Number(keepdims) })
  }

  /** Undoes broadcasting: sums over the axes along which a value of shape `to` was repeated to give `from`. */
  sumTo(value: Value, from: Shape, to: Shape): Value {
    const extra = from.length - to.length
    const axes = from.flatMap((size, axis) => (size !== (axis < extra ? 1 : to[axis - extra]) ? [axis] : []))
    const summed = axes.length > 0 ? this.sum(value, axes) : value
    return extra > 0 || elements(to) !== elements(from) ? this.reshape(summed, to) : summed
  }
}
