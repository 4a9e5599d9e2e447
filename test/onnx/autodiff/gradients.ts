import { differentiate } from '../../../src/onnx/autodiff/differentiate.js'
import { Graph, type Value } from '../../../src/onnx/graph.js'
import { elements, inferShapes, type Shape } from '../../../src/onnx/shapes.js'
import { createRandom } from '../../../src/random.js'
import { ArraySession, type Values } from '../../../src/runtime/array-session.js'

/** A function of float32 arrays, as a graph of their names. */
export interface Case {
  /** Shapes of what is differentiated with respect to. */
  readonly inputs: Readonly<Record<string, Shape>>
  /** Adds the nodes, and gives the value or values whose weighted sum is the loss. */
  readonly build: (graph: Graph) => Value | Value[]
  /** The range that inputs are drawn from. */
  readonly range?: readonly [number, number]
}

/**
 * The gradients by differentiation of the graph, and by central differences of the loss that ONNX Runtime gives. The
 * loss is a sum of the results with random weights, so that no error can cancel out.
 */
export async function bothGradients({ inputs, build, range = [-1, 1] }: Case) {
  const random = createRandom(1)
  const draw = (shape: Shape, low = -1, high = 1) =>
    Float32Array.from({ length: elements(shape) }, () => low + random() * (high - low))
  const arrays = new Map<string, Values>()
  for (const [name, shape] of Object.entries(inputs)) arrays.set(name, draw(shape, ...range))
  const graph = new Graph()
  for (const [name, shape] of Object.entries(inputs)) graph.input(name, 'float32', [...shape])
  const loss = weightedSum(graph, [build(graph)].flat(), draw)
  const forward = await lossSession(graph, loss)
  const names = Object.keys(inputs)
  const gradients = differentiate(graph, loss, names)
  for (const [i, name] of names.entries()) {
    graph.output(graph.node('Identity', [gradients[i]], {}, `d.${name}`), 'float32', [...inputs[name]])
    arrays.set(`d.${name}`, new Float32Array(elements(inputs[name])))
  }
  const session = await ArraySession.create(graph, { device: 'cpu' })
  arrays.set('loss', new Float32Array(1))
  await session.run(arrays)
  const numeric = new Map<string, Float32Array>()
  for (const name of names) numeric.set(name, await differences(forward, arrays, name))
  await Promise.all([session.dispose(), forward.dispose()])
  return names.map((name) => ({
    name,
    gradient: arrays.get(`d.${name}`) as Float32Array,
    numeric: numeric.get(name)!,
  }))
}

function weightedSum(graph: Graph, values: readonly Value[], draw: (shape: Shape) => Float32Array): Value {
  const shapes = inferShapes(graph)
  const sums = values.map((value, i) => {
    const shape = shapes.get(value)!
    const bytes = new Uint8Array(draw(shape).buffer)
    const weights = graph.initializer(`loss_weights_${i}`, 'float32', [...shape], { bytes })
    return graph.node('ReduceSum', [graph.node('Mul', [value, weights])], { keepdims: 0 })
  })
  return sums.reduce((a, b) => graph.node('Add', [a, b]))
}

/** A session of the graph as it is now, which gives the loss alone. */
async function lossSession(graph: Graph, loss: Value): Promise<ArraySession> {
  const copy = new Graph()
  copy.inputs.push(...graph.inputs)
  copy.nodes.push(...graph.nodes)
  for (const [name, tensor] of graph.initializers) copy.initializers.set(name, tensor)
  const one = copy.constant('int64', [1])
  copy.output(copy.node('Reshape', [loss, one], {}, 'loss'), 'float32', [1])
  return ArraySession.create(copy, { device: 'cpu' })
}

/** As large as it must be for float32: the loss is exact to about 1e-7, and its third derivative is of order 1. */
const STEP = 1e-2

async function differences(session: ArraySession, arrays: Map<string, Values>, name: string) {
  const values = arrays.get(name) as Float32Array
  const loss = arrays.get('loss') as Float32Array
  const at = async (i: number, value: number) => {
    values[i] = value
    await session.run(arrays)
    return loss[0]
  }
  const result = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const above = await at(i, value + STEP)
    const below = await at(i, value - STEP)
    // Rounding may have moved the points.
    result[i] = (above - below) / (Math.fround(value + STEP) - Math.fround(value - STEP))
    values[i] = value
  }
  return result
}
