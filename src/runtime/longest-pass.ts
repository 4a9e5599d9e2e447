import { deviceAttention } from '../models/decoder/device-attention.js'
import type { DecoderSpec } from '../models/spec.js'
import { type FloatType, Graph, type Value } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import type { Device } from './device.js'
import { DeviceUnavailable } from './failures.js'
import * as ort from './ort.js'
import { createSession } from './session.js'

/** Tokens from which on WebGPU's attention is another kernel. */
const LONG = 32
/** Passes with other kernels, perhaps. */
const LENGTHS = [1, 5, LONG]
const PAST = 40
const COLUMNS = 128
/** Above what float16 rounds by, and below what wrong attention differs by: 0.1 and more. */
const TOLERANCE = 0.03

/**
 * The most tokens of a pass for which attention on the device is right: `most`, or LONG - 1. ONNX Runtime's kernel for many tokens relies
 * on how many threads step together, and is wrong on SwiftShader, where these are 4.
 * @throws DeviceUnavailable where it is wrong for few tokens
 */
export async function longestPass(
  { heads, kvHeads, headDim }: Pick<DecoderSpec, 'heads' | 'kvHeads' | 'headDim'>,
  device: Device,
  type: FloatType,
  most: number,
): Promise<number> {
  const group = heads / kvHeads
  const session = await createSession(serialize(attentionGraph(group, headDim, type)), '', { device })
  try {
    for (const length of LENGTHS) {
      if (await isRight(session, length, group, headDim)) continue
      if (length === LONG) return LONG - 1
      throw new DeviceUnavailable(`Attention on the device ${device} gives wrong results: use --device cpu.`)
    }
    return most
  } finally {
    await session.release()
  }
}

async function isRight(session: ort.InferenceSession, length: number, group: number, headDim: number) {
  // Nothing repeats in the sine of a square.
  const rows = (count: number, scale: number) =>
    Float32Array.from({ length: count * headDim }, (_, i) => scale * Math.sin(scale + 0.7 * i * i))
  // Large queries, so that each attends to few columns.
  const [query, keys, values] = [rows(length * group, 4), rows(PAST + length, 1), rows(PAST + length, 1.1)]
  const start = PAST * headDim
  const { attended } = await session.run({
    query: new ort.Tensor(query, [1, length, group * headDim]),
    key: new ort.Tensor(keys.subarray(start), [1, length, headDim]),
    value: new ort.Tensor(values.subarray(start), [1, length, headDim]),
    past_key: pastOf(keys.subarray(0, start), headDim),
    past_value: pastOf(values.subarray(0, start), headDim),
    last_column: new ort.Tensor('int32', [PAST + length - 1], [1]),
    columns: new ort.Tensor('int32', [PAST + length], [1]),
    mask: new ort.Tensor(new Float32Array(length * (PAST + length)), [1, 1, length, PAST + length]),
  })
  const expected = causalAttention(query, keys, values, group, headDim)
  return (attended.data as Float32Array).every((x, i) => Math.abs(x - expected[i]) < TOLERANCE)
}

/** Attention of one key-value head, float32 at both ends. */
function attentionGraph(group: number, headDim: number, type: FloatType): Graph {
  const graph = new Graph()
  graph.output('attended', 'float32', [1, 'T', group * headDim])
  const float = (name: string, shape: (number | string)[]): Value =>
    graph.cast(graph.input(name, 'float32', shape), 'float32', type)
  const row = [1, 'T', headDim]
  const cache = [1, 1, 'C', headDim]
  const attended = deviceAttention(
    graph,
    {
      query: float('query', [1, 'T', group * headDim]),
      key: float('key', row),
      value: float('value', row),
      past: [float('past_key', cache), float('past_value', cache)],
      columns: [graph.input('last_column', 'int32', [1]), graph.input('columns', 'int32', [1])],
      mask: float('mask', [1, 1, 'T', 'S']),
    },
    { heads: group, kvHeads: 1 },
    [graph.fresh('keys'), graph.fresh('values')],
  )
  graph.cast(attended, type, 'float32', 'attended')
  return graph
}

/** A cache of COLUMNS columns that begins with these rows. */
function pastOf(rows: Float32Array, headDim: number): ort.Tensor {
  const values = new Float32Array(COLUMNS * headDim)
  values.set(rows)
  return new ort.Tensor(values, [1, 1, COLUMNS, headDim])
}

/** What the tokens after the first PAST attend to, [T, group * headDim]. */
function causalAttention(
  query: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  group: number,
  headDim: number,
): Float32Array {
  const result = new Float32Array(query.length)
  for (let at = 0; at < query.length; at += headDim) {
    const token = Math.floor(at / (group * headDim))
    const columns = Array.from({ length: PAST + token + 1 }, (_, column) => column * headDim)
    const scores = columns.map((column) => dot(query, at, keys, column, headDim))
    const most = Math.max(...scores)
    const weights = scores.map((score) => Math.exp(score - most))
    const sum = weights.reduce((a, b) => a + b)
    for (const [i, column] of columns.entries()) {
      for (let d = 0; d < headDim; d++) result[at + d] += (weights[i] / sum) * values[column + d]
    }
  }
  return result
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += a[atA + i] * b[atB + i]
  return sum
}
