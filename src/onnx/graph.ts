/** Element types of graph values, with their codes in TensorProto.DataType. */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10, bfloat16: 16 } as const
export type ElementType = keyof typeof ELEMENT_TYPES

/** The types that a decoder may compute in. */
export type FloatType = 'float32' | 'float16'

/** A dimension: a number, or a name for one that varies from run to run. */
export type Dimension = number | string

/** The name of a value in the graph: an input, an initializer or a node's output. "" is an absent input. */
export type Value = string

export type Attribute = number | string | readonly number[] | { float: number }

export interface Node {
  op: string
  domain: string
  inputs: Value[]
  outputs: Value[]
  attributes: Record<string, Attribute>
}

export interface ValueInfo {
  name: Value
  type: ElementType
  shape: Dimension[]
}

/** Where an initializer's bytes are: in the graph, or at an offset of a file beside it. */
export type InitializerData = { bytes: Uint8Array } | { file: string; offset: number; length: number }

export interface Initializer {
  name: Value
  type: ElementType
  shape: number[]
  data: InitializerData
}

const CONTRIB = 'com.microsoft'

const CONSTANTS = {
  float32: (values: readonly number[]) => new Float32Array(values),
  int32: (values: readonly number[]) => new Int32Array(values),
  int64: (values: readonly number[]) => new BigInt64Array(values.map(BigInt)),
} as const

/** An ONNX graph under construction. */
export class Graph {
  readonly nodes: Node[] = []
  readonly inputs: ValueInfo[] = []
  readonly outputs: ValueInfo[] = []
  readonly initializers = new Map<Value, Initializer>()
  private counter = 0

  input(name: string, type: ElementType, shape: Dimension[]): Value {
    if (!this.inputs.some((input) => input.name === name)) this.inputs.push({ name, type, shape })
    return name
  }

  /** Makes an existing value an output; it keeps its name. */
  output(name: Value, type: ElementType, shape: Dimension[]): Value {
    this.outputs.push({ name, type, shape })
    return name
  }

  initializer(name: string, type: ElementType, shape: number[], data: InitializerData): Value {
    if (!this.initializers.has(name)) this.initializers.set(name, { name, type, shape, data })
    return name
  }

  /** A small constant in the graph itself; equal constants are stored once. */
  constant(
    type: 'float32' | 'int32' | 'int64',
    values: readonly number[],
    shape: number[] = [values.length],
  ): Value {
    const data = CONSTANTS[type](values)
    const name = `const_${type}_${shape.join('x')}_${values.join('_')}`
    return this.initializer(name, type, shape, { bytes: new Uint8Array(data.buffer) })
  }

  /** x as another type; x itself where it is of that type already, unless an output is named. */
  cast(x: Value, from: FloatType, to: FloatType, output?: string): Value {
    if (from !== to) return this.node('Cast', [x], { to: ELEMENT_TYPES[to] }, output)
    return output === undefined ? x : this.node('Identity', [x], {}, output)
  }

  /** Adds a node with one output and returns that output. */
  node(op: string, inputs: Value[], attributes: Record<string, Attribute> = {}, output?: string): Value {
    const name = output ?? `${op}_${this.counter++}`
    return this.nodeWith(op, inputs, attributes, [name])[0]
  }

  /** Adds a node with the named outputs. Contrib operators are written `com.microsoft::Name`. */
  nodeWith(op: string, inputs: Value[], attributes: Record<string, Attribute>, outputs: Value[]): Value[] {
    const contrib = op.startsWith(`${CONTRIB}::`)
    const node = { op: contrib ? op.slice(CONTRIB.length + 2) : op, domain: contrib ? CONTRIB : '' }
    this.nodes.push({ ...node, inputs, outputs, attributes })
    return outputs
  }

  /** A name that no other value has. */
  fresh(stem: string): Value {
    return `${stem}_${this.counter++}`
  }
}
