import {
  type Attribute,
  type Dimension,
  ELEMENT_TYPES,
  type Graph,
  type Initializer,
  type Node,
  type ValueInfo,
} from './graph.js'
import { MessageWriter } from './protobuf.js'

/** IR 10 and opset 21 are the newest that every provider of onnxruntime-node 1.30 takes whole. */
const IR_VERSION = 10
const OPSETS = { '': 21, 'com.microsoft': 1 }
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 }

/** The graph as the bytes of an ONNX file (ModelProto); field numbers are those of onnx.proto3. */
export function serialize(graph: Graph): Uint8Array {
  const model = new MessageWriter().int(1, IR_VERSION).string(2, 'llm')
  model.message(7, (out) => writeGraph(out, graph))
  for (const [domain, version] of Object.entries(OPSETS)) {
    model.message(8, (out) => out.string(1, domain).int(2, version))
  }
  return model.finish()
}

function writeGraph(out: MessageWriter, graph: Graph): void {
  for (const node of graph.nodes) out.message(1, (inner) => writeNode(inner, node))
  out.string(2, 'main')
  for (const tensor of graph.initializers.values()) out.message(5, (inner) => writeTensor(inner, tensor))
  for (const value of graph.inputs) out.message(11, (inner) => writeValueInfo(inner, value))
  for (const value of graph.outputs) out.message(12, (inner) => writeValueInfo(inner, value))
}

function writeNode(out: MessageWriter, node: Node): void {
  for (const name of node.inputs) out.string(1, name)
  for (const name of node.outputs) out.string(2, name)
  out.string(3, node.outputs[0]).string(4, node.op)
  for (const [name, value] of Object.entries(node.attributes)) {
    out.message(5, (inner) => writeAttribute(inner, name, value))
  }
  out.string(7, node.domain)
}

function writeAttribute(out: MessageWriter, name: string, value: Attribute): void {
  out.string(1, name)
  if (typeof value === 'number') out.int(3, value).int(20, ATTRIBUTE_TYPE.int)
  else if (typeof value === 'string') out.string(4, value).int(20, ATTRIBUTE_TYPE.string)
  else if ('float' in value) out.float(2, value.float).int(20, ATTRIBUTE_TYPE.float)
  else {
    for (const item of value) out.int(8, item)
    out.int(20, ATTRIBUTE_TYPE.ints)
  }
}

function writeTensor(out: MessageWriter, tensor: Initializer): void {
  for (const dimension of tensor.shape) out.int(1, dimension)
  out.int(2, ELEMENT_TYPES[tensor.type]).string(8, tensor.name)
  const { data } = tensor
  if ('bytes' in data) {
    out.bytes(9, data.bytes)
    return
  }
  const location = { location: data.file, offset: String(data.offset), length: String(data.length) }
  for (const [key, value] of Object.entries(location)) {
    out.message(13, (entry) => entry.string(1, key).string(2, value))
  }
  out.int(14, 1)
}

function writeValueInfo(out: MessageWriter, value: ValueInfo): void {
  out.string(1, value.name).message(2, (type) => {
    type.message(1, (tensor) => {
      tensor.int(1, ELEMENT_TYPES[value.type])
      tensor.message(2, (shape) => {
        for (const dimension of value.shape) shape.message(1, (out) => writeDimension(out, dimension))
      })
    })
  })
}

function writeDimension(out: MessageWriter, dimension: Dimension): void {
  if (typeof dimension === 'number') out.int(1, dimension)
  else out.string(2, dimension)
}
