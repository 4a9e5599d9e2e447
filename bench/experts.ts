/**
 * A mixture of experts on the CPU: products (`routedExperts`), which the decoder's graph is made of in int8 and int4, and ONNX Runtime's
 * operators, of which it has `MoE` in float32 (`stackedExperts`), and `QMoE` is not used.
 *
 *     npx tsx bench/experts.ts [--experts 32] [--per-token 4] [--hidden 1024] [--width 512] [--tokens 1,16,256] [--rounds 9] [--threads N]
 *
 * Sides take turns in each round, each with 3 runs, of which the fastest counts. Weights, inputs and routes are drawn from seed 1; both
 * sides are given the same ones. Times are of a pass, in ms, and ratios are those of the rounds.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { routedExperts, stackedExperts } from '../src/models/decoder/experts.js'
import { Graph, type Value } from '../src/onnx/graph.js'
import { serialize } from '../src/onnx/serialize.js'
import { createRandom } from '../src/random.js'
import * as ort from '../src/runtime/ort.js'
import { createSession } from '../src/runtime/session.js'
import { header, median, positive, table } from './common.js'

const SEED = 1

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    experts: { ...text, default: '32' },
    'per-token': { ...text, default: '4' },
    hidden: { ...text, default: '1024' },
    width: { ...text, default: '512' },
    tokens: { ...text, default: '1,16,256' },
    rounds: { ...text, default: '9' },
    threads: { ...text, default: String(availableParallelism()) },
  },
})
const option = (name: keyof typeof values) => positive(name, values[name]!)
const [count, perToken, hidden, width] = (['experts', 'per-token', 'hidden', 'width'] as const).map(option)
const lengths = values.tokens.split(',').map((length) => positive('tokens', length))
const [rounds, threads] = [option('rounds'), option('threads')]

const random = createRandom(SEED)
const floats = (length: number) => Float32Array.from({ length }, () => 0.1 * (random() - 0.5))
const bytes = (length: number) => Uint8Array.from({ length }, () => 256 * random())

type Bits = 32 | 8 | 4

const experts = { count, perToken, intermediateSize: width, normalised: true, layers: [0] }

/** Activations and what a router makes of them, the inputs of either side. */
function inputsOf(graph: Graph): [x: Value, logits: Value] {
  return [graph.input('x', 'float32', [1, 'T', hidden]), graph.input('logits', 'float32', [1, 'T', count])]
}

const weight = (graph: Graph, name: string, shape: number[]) =>
  graph.initializer(name, 'float32', shape, {
    bytes: new Uint8Array(floats(shape.reduce((a, b) => a * b)).buffer),
  })
const packed = (graph: Graph, name: string, shape: number[]) =>
  graph.initializer(name, 'uint8', shape, { bytes: bytes(shape.reduce((a, b) => a * b)) })

/** x · Wᵀ, as the decoder has it. */
function product(graph: Graph, bits: Bits, x: Value, name: string, rows: number, columns: number): Value {
  if (bits === 32) {
    const attributes = { transB: 1 }
    return graph.node('com.microsoft::FusedMatMul', [x, weight(graph, name, [rows, columns])], attributes)
  }
  const blocks = Math.ceil(columns / 64)
  const inputs = [
    x,
    packed(graph, name, [rows, blocks, 8 * bits]),
    weight(graph, `${name}.scales`, [rows * blocks]),
  ]
  const attributes = { K: columns, N: rows, bits, block_size: 64, accuracy_level: 4 }
  return graph.node('com.microsoft::MatMulNBits', inputs, attributes)
}

function products(bits: Bits): Graph {
  const graph = new Graph()
  const [x, logits] = inputsOf(graph)
  const expert = (tokens: Value, index: number) => {
    const both = product(graph, bits, tokens, `up.${index}`, 2 * width, hidden)
    const sizes = graph.constant('int64', [width, width])
    const parts = [graph.fresh('gate'), graph.fresh('up')]
    const [gate, up] = graph.nodeWith('Split', [both, sizes], { axis: 2 }, parts)
    const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])])
    return product(graph, bits, graph.node('Mul', [silu, up]), `down.${index}`, hidden, width)
  }
  const mixture = { graph, experts, type: 'float32', hiddenSize: hidden, expert } as const
  graph.output('y', 'float32', [1, 'T', hidden])
  graph.node('Identity', [routedExperts(mixture, x, logits)], {}, 'y')
  return graph
}

function operator(bits: Bits): Graph {
  const graph = new Graph()
  const [x, logits] = inputsOf(graph)
  graph.output('y', 'float32', [1, 'T', hidden])
  if (bits === 32) {
    const gateUp = weight(graph, 'up', [count, 2 * width, hidden])
    const down = weight(graph, 'down', [count, hidden, width])
    graph.node('Identity', [stackedExperts(graph, experts, { gateUp, down }, x, logits)], {}, 'y')
    return graph
  }
  const routes = graph.node('Reshape', [logits, graph.constant('int64', [-1, count])])
  const attributes = {
    k: perToken,
    normalize_routing_weights: 1,
    activation_type: 'swiglu',
    swiglu_fusion: 1,
  }
  const matrix = (name: string, rows: number, columns: number) => [
    packed(graph, name, [count, rows, (columns * bits) / 8]),
    weight(graph, `${name}.scales`, [count, rows]),
  ]
  const inputs = [x, routes, ...matrix('up', 2 * width, hidden), '', ...matrix('down', hidden, width)]
  graph.node('com.microsoft::QMoE', inputs, { ...attributes, expert_weight_bits: bits }, 'y')
  return graph
}

const logitsOf = (length: number) => floats(length * count).map((value) => 80 * value)

/** The fastest of 3 runs, ms. */
async function time(session: ort.InferenceSession, feeds: Record<string, ort.Tensor>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    await session.run(feeds)
    times.push(performance.now() - start)
  }
  return Math.min(...times)
}

const rowsOfTable: string[][] = []
for (const bits of [32, 8, 4] as const) {
  const sides = []
  for (const graph of [products(bits), operator(bits)]) {
    sides.push(await createSession(serialize(graph), '', { device: 'cpu', threads }))
  }
  for (const length of lengths) {
    const feeds = {
      x: new ort.Tensor('float32', floats(length * hidden), [1, length, hidden]),
      logits: new ort.Tensor('float32', logitsOf(length), [1, length, count]),
    }
    const times: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) times[side].push(await time(sides[side], feeds))
    }
    const [ours, theirs] = times.map(median)
    const ratio = median(times[0].map((value, round) => times[1][round] / value))
    const cells = [
      bits === 32 ? 'float32' : `int${bits}`,
      length,
      ours.toFixed(2),
      theirs.toFixed(2),
      ratio.toFixed(2),
    ]
    rowsOfTable.push(cells.map(String))
  }
  for (const side of sides) await side.release()
}
const sizes = `${count} experts of ${width} over a hidden size of ${hidden}, a token takes ${perToken}`
console.log(header('experts.ts', `${sizes}; ${threads} threads, ${rounds} rounds, seed ${SEED}`).join('\n'))
console.log('')
console.log(table(['weights', 'tokens', 'products ms', 'operator ms', 'operator / products'], rowsOfTable))
