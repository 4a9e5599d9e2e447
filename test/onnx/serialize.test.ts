import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/onnx/graph.js'
import { MessageWriter } from '../../src/onnx/protobuf.js'
import { runGraph, tensor } from '../runtime/devices.js'
import { temporaryDirectory } from '../weights/files.js'

const floats = (...values: number[]) => Float32Array.from(values)
const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

describe('the wire format (protobuf.dev/programming-guides/encoding)', () => {
  const hex = (fill: (out: MessageWriter) => void) => {
    const writer = new MessageWriter()
    fill(writer)
    return Buffer.from(writer.finish()).toString('hex')
  }

  test.each<[string, (out: MessageWriter) => void, string]>([
    ['a varint of two bytes', (out) => out.int(1, 150), '089601'],
    ['zero', (out) => out.int(1, 0), '0800'],
    ['-1 as ten bytes', (out) => out.int(1, -1), '08ffffffffffffffffff01'],
    ['the least int64', (out) => out.int(1, -(2 ** 63)), '0880808080808080808001'],
    ['an integer above 32 bits', (out) => out.int(2, 2 ** 40), '10808080808020'],
    ['a field above 15', (out) => out.int(20, 7), 'a00107'],
    ['a float', (out) => out.float(2, -1.5), '150000c0bf'],
    ['a string', (out) => out.string(2, 'testing'), '120774657374696e67'],
    ['text that is not ASCII', (out) => out.string(1, 'ä→'), '0a05c3a4e28692'],
    ['an empty string', (out) => out.string(1, ''), '0a00'],
    ['a message', (out) => out.message(3, (inner) => inner.int(1, 150)), '1a03089601'],
    ['an empty message', (out) => out.message(3, () => {}), '1a00'],
    [
      'a message of over 127 bytes',
      (out) => out.message(1, (inner) => inner.bytes(1, new Uint8Array(126))),
      `0a80010a7e${'00'.repeat(126)}`,
    ],
  ])('%s', (_, fill, expected) => {
    expect(hex(fill)).toBe(expected)
  })
})

describe('ONNX Runtime reads', () => {
  /** Runs a graph of x with the output y. */
  async function run(build: (graph: Graph) => void, x: Float32Array, shape: number[], directory?: string) {
    const graph = new Graph()
    graph.input(
      'x',
      'float32',
      shape.map((_, axis) => `d${axis}`),
    )
    build(graph)
    graph.output(
      'y',
      'float32',
      shape.map((_, axis) => `e${axis}`),
    )
    const { y } = await runGraph(graph, { x: tensor(x, shape) }, { directory })
    return [...(y as Float32Array)]
  }
  const matrix = floats(1, 2, 3, 4, 5, 6)

  test('an integer attribute below zero', async () => {
    // Along axis -2 of [2, 3], the columns; along the default, -1, the rows.
    const softmax = (axis: number) => (graph: Graph) => void graph.node('Softmax', ['x'], { axis }, 'y')
    const columns = await run(softmax(-2), matrix, [2, 3])
    expect(columns[0]).toBeCloseTo(1 / (1 + Math.exp(3)), 6)
    const rows = await run(softmax(-1), matrix, [2, 3])
    expect(rows[0]).toBeCloseTo(1 / (1 + Math.E + Math.E ** 2), 6)
  })

  test('a float attribute', async () => {
    const build = (graph: Graph) => void graph.node('LeakyRelu', ['x'], { alpha: { float: -0.25 } }, 'y')
    expect(await run(build, floats(-4, 8), [2])).toEqual([1, 8])
  })

  test('a list of integers', async () => {
    const build = (graph: Graph) => void graph.node('Transpose', ['x'], { perm: [1, 0] }, 'y')
    expect(await run(build, matrix, [2, 3])).toEqual([1, 4, 2, 5, 3, 6])
  })

  test('a string attribute', async () => {
    const gelu = (approximate: string) => (graph: Graph) =>
      void graph.node('Gelu', ['x'], { approximate }, 'y')
    const x = 1.5
    const [tanh] = await run(gelu('tanh'), floats(x), [1])
    expect(tanh).toBeCloseTo(0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))), 6)
    expect((await run(gelu('none'), floats(x), [1]))[0]).not.toBe(tanh)
  })

  test('constants of both types, negative ones too, and equal ones once', async () => {
    const graph = new Graph()
    graph.input('x', 'float32', [2, 3])
    const shape = graph.constant('int64', [-1, 2])
    expect(graph.constant('int64', [-1, 2])).toBe(shape)
    expect(graph.constant('int64', [-1, 2], [2, 1])).not.toBe(shape)
    expect(graph.initializers.size).toBe(2)
    const build = (own: Graph) => {
      const flat = own.node('Reshape', ['x', own.constant('int64', [-1, 2])])
      own.node('Add', [flat, own.constant('float32', [-0.5, 1e-3])], {}, 'y')
    }
    expect(await run(build, matrix, [2, 3])).toEqual(
      [0.5, 2.001, 2.5, 4.001, 4.5, 6.001].map((value) => expect.closeTo(value, 5)),
    )
  })

  test('an absent input and an absent output', async () => {
    const build = (graph: Graph) => {
      graph.node(
        'Clip',
        ['x', '', graph.initializer('high', 'float32', [], { bytes: bytesOf(floats(4)) })],
        {},
        'c',
      )
      const weight = graph.constant('float32', [1, 1, 1])
      const outputs = ['n', '', '', 'y']
      graph.nodeWith('com.microsoft::SkipSimplifiedLayerNormalization', ['x', 'c', weight], {}, outputs)
    }
    expect(await run(build, matrix, [2, 3])).toEqual([2, 4, 6, 8, 9, 10])
  })

  test('weights at offsets of a file beside the graph', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'weights.bin'), bytesOf(floats(9, 9, 10, 20, 30, 9, 100)))
    const external = (offset: number, length: number) => ({ file: 'weights.bin', offset, length })
    const build = (graph: Graph) => {
      const three = graph.initializer('three', 'float32', [3], external(8, 12))
      const one = graph.initializer('one', 'float32', [1], external(24, 4))
      graph.node('Add', [graph.node('Add', ['x', three]), one], {}, 'y')
    }
    expect(await run(build, floats(1, 2, 3), [3], directory)).toEqual([111, 122, 133])
    await expect(run(build, floats(1, 2, 3), [3], join(directory, 'elsewhere'))).rejects.toThrow(
      /weights\.bin/,
    )
  })

  test('an initializer of some megabytes', async () => {
    const values = Float32Array.from({ length: 2 ** 20 }, (_, i) => i % 251)
    const build = (graph: Graph) => {
      const big = graph.initializer('big', 'float32', [1024, 1024], { bytes: bytesOf(values) })
      graph.node(
        'ReduceSum',
        [graph.node('Mul', ['x', big]), graph.constant('int64', [0])],
        { keepdims: 0 },
        'y',
      )
    }
    const sums = await run(build, new Float32Array(2 ** 20).fill(1), [1024, 1024])
    const column = (at: number) => Array.from({ length: 1024 }, (_, row) => values[row * 1024 + at])
    expect(sums.at(-1)).toBe(column(1023).reduce((sum, value) => sum + value))
  })

  test('no operator that it does not have, and says so', async () => {
    const broken = (graph: Graph) => void graph.node('NoSuchOperator', ['x'], {}, 'y')
    await expect(run(broken, floats(1), [1])).rejects.toThrow(/cannot load the graph: .*NoSuchOperator/)
  })
})
