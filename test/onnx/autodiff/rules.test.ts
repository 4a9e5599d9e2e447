import { describe, expect, test } from 'vitest'
import { customGradient } from '../../../src/onnx/autodiff/custom-gradient.js'
import { differentiate } from '../../../src/onnx/autodiff/differentiate.js'
import { RULES } from '../../../src/onnx/autodiff/rules.js'
import { Graph, type Value } from '../../../src/onnx/graph.js'
import { bothGradients, type Case } from './gradients.js'

const TOLERANCE = 2e-3

type Unary = (graph: Graph, x: Value) => Value
const unary = (op: string, attributes = {}, range?: Case['range']): Case => ({
  inputs: { x: [3, 4] },
  build: (graph) => graph.node(op, ['x'], attributes),
  range,
})
const binary = (op: string, a: number[], b: number[], range?: Case['range']): Case => ({
  inputs: { a, b },
  build: (graph) => graph.node(op, ['a', 'b']),
  range,
})
const product = (op: string, a: number[], b: number[], attributes = {}): Case => ({
  inputs: { a, b },
  build: (graph) => graph.node(op, ['a', 'b'], attributes),
})
const integers = (graph: Graph, values: number[], shape = [values.length]) =>
  graph.constant('int64', values, shape)
const of = (shape: number[], build: Unary): Case => ({
  inputs: { x: shape },
  build: (graph) => build(graph, 'x'),
})

/** By operator; several where it has several forms. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  Add: [binary('Add', [2, 3], [2, 3]), binary('Add', [2, 3, 4], [3, 1]), binary('Add', [4], [2, 4])],
  Sub: [binary('Sub', [2, 3], [3]), binary('Sub', [], [2, 2])],
  Mul: [binary('Mul', [2, 3], [2, 3]), binary('Mul', [2, 1, 4], [3, 4])],
  Div: [binary('Div', [2, 3], [3], [0.5, 1.5])],
  Max: [binary('Max', [3, 4], [3, 4]), binary('Max', [3, 4], [4])],
  Min: [binary('Min', [3, 4], [3, 4])],
  Where: [
    {
      inputs: { a: [2, 3], b: [3] },
      build: (graph) => {
        const mask = graph.constant('float32', [1, -1, 1, -1, -1, 1], [2, 3])
        return graph.node('Where', [graph.node('Greater', [mask, graph.constant('float32', [0])]), 'a', 'b'])
      },
    },
  ],
  Neg: [unary('Neg')],
  Exp: [unary('Exp')],
  Log: [unary('Log', {}, [0.5, 2])],
  Sqrt: [unary('Sqrt', {}, [0.5, 2])],
  Identity: [unary('Identity')],
  Sigmoid: [unary('Sigmoid')],
  Tanh: [unary('Tanh')],
  QuickGelu: [
    unary('com.microsoft::QuickGelu', { alpha: { float: 1 } }, [-3, 3]),
    unary('com.microsoft::QuickGelu', { alpha: { float: 1.702 } }),
  ],
  Relu: [unary('Relu', {}, [0.5, 2]), unary('Relu', {}, [-2, -0.5])],
  Gelu: [unary('Gelu', { approximate: 'tanh' }, [-3, 3]), unary('Gelu', { approximate: 'none' }, [-3, 3])],
  Softmax: [unary('Softmax', { axis: -1 }), unary('Softmax', { axis: 0 })],
  LogSoftmax: [unary('LogSoftmax', { axis: -1 })],
  ReduceSum: [
    of([2, 3, 4], (graph, x) => graph.node('ReduceSum', [x, integers(graph, [1])], { keepdims: 0 })),
    of([2, 3], (graph, x) => graph.node('ReduceSum', [x], { keepdims: 0 })),
    of([2, 3], (graph, x) => graph.node('ReduceSum', [x, integers(graph, [-1])], { keepdims: 1 })),
  ],
  ReduceMean: [
    of([2, 3, 4], (graph, x) => graph.node('ReduceMean', [x, integers(graph, [0, 2])], { keepdims: 1 })),
  ],
  MatMul: [
    product('MatMul', [3, 4], [4, 2]),
    product('MatMul', [2, 3, 4], [4, 2]),
    product('MatMul', [2, 3, 4], [2, 4, 2]),
    product('MatMul', [3, 4], [2, 4, 2]),
  ],
  FusedMatMul: [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ].flatMap(([transA, transB]) => {
    const attributes = { transA, transB, alpha: { float: 0.5 } }
    const [a, b] = [transA ? [4, 3] : [3, 4], transB ? [2, 4] : [4, 2]]
    const op = 'com.microsoft::FusedMatMul'
    return [
      product(op, a, b, attributes),
      product(op, [2, ...a], [2, ...b], attributes),
      product(op, [2, ...a], b, attributes),
    ]
  }),
  Gemm: [
    product('Gemm', [3, 4], [4, 2]),
    product('Gemm', [3, 4], [2, 4], { transB: 1 }),
    product('Gemm', [4, 3], [2, 4], { transA: 1, transB: 1, alpha: { float: 2 } }),
    {
      inputs: { a: [3, 4], b: [4, 2], c: [2] },
      build: (graph) => graph.node('Gemm', ['a', 'b', 'c']),
    },
  ],
  Reshape: [of([2, 6], (graph, x) => graph.node('Reshape', [x, integers(graph, [3, -1])]))],
  Unsqueeze: [of([2, 3], (graph, x) => graph.node('Unsqueeze', [x, integers(graph, [1])]))],
  Transpose: [of([2, 3, 4], (graph, x) => graph.node('Transpose', [x], { perm: [2, 0, 1] }))],
  Split: [
    {
      inputs: { x: [2, 5] },
      build: (graph) =>
        graph.nodeWith('Split', ['x', integers(graph, [2, 3])], { axis: 1 }, ['left', 'right']),
    },
    {
      inputs: { x: [5, 2] },
      build: (graph) =>
        graph.nodeWith('Split', ['x', integers(graph, [2, 3])], { axis: 0 }, ['left', 'right'])[1],
    },
  ],
  Concat: [
    { inputs: { a: [2, 1], b: [2, 3] }, build: (graph) => graph.node('Concat', ['a', 'b'], { axis: -1 }) },
  ],
  Slice: [
    of([4, 5], (graph, x) => {
      const [starts, ends, axes] = [[1], [3], [1]].map((values) => integers(graph, values))
      return graph.node('Slice', [x, starts, ends, axes])
    }),
  ],
  Gather: [
    of([4, 3], (graph, x) =>
      graph.node('Gather', [x, integers(graph, [1, 3, 1, 0, 1, 3], [2, 3])], { axis: 0 }),
    ),
    of([1, 4, 3], (graph, x) => graph.node('Gather', [x, integers(graph, [2, 2, 0])], { axis: 1 })),
  ],
  GatherElements: [
    of([3, 4], (graph, x) =>
      graph.node('GatherElements', [x, integers(graph, [1, 3, 1], [3, 1])], { axis: 1 }),
    ),
  ],
  LayerNormalization: [
    {
      inputs: { x: [2, 3, 5], w: [5], b: [5] },
      build: (graph) =>
        graph.node('LayerNormalization', ['x', 'w', 'b'], { axis: -1, epsilon: { float: 1e-5 } }),
    },
    {
      inputs: { x: [3, 4], w: [4] },
      build: (graph) => graph.node('LayerNormalization', ['x', 'w'], { axis: -1, epsilon: { float: 1e-5 } }),
    },
  ],
  SimplifiedLayerNormalization: [
    {
      inputs: { x: [1, 3, 4], w: [4] },
      build: (graph) =>
        graph.node('SimplifiedLayerNormalization', ['x', 'w'], { axis: -1, epsilon: { float: 1e-5 } }),
    },
  ],
  SkipSimplifiedLayerNormalization: [
    {
      inputs: { x: [1, 3, 4], skip: [1, 3, 4], w: [4] },
      build: (graph) => {
        const outputs = ['normed', '', '', 'sum']
        const op = 'com.microsoft::SkipSimplifiedLayerNormalization'
        graph.nodeWith(op, ['x', 'skip', 'w'], { epsilon: { float: 1e-5 } }, outputs)
        return ['normed', 'sum']
      },
    },
  ],
  RotaryEmbedding: [
    of([2, 3, 8], (graph, x) => {
      const angles = Array.from({ length: 6 }, (_, i) => Math.floor(i / 2) * (i % 2 === 0 ? 1 : 0.3))
      const [cos, sin] = [Math.cos, Math.sin].map((f) => graph.constant('float32', angles.map(f), [3, 2]))
      const inputs = [x, integers(graph, [0]), cos, sin]
      return graph.node('com.microsoft::RotaryEmbedding', inputs, { num_heads: 2, rotary_embedding_dim: 0 })
    }),
  ],
}

describe('the gradient of', () => {
  const cases = Object.entries(CASES).flatMap(([op, list]) =>
    list.map((each, i) => [`${op} (${i + 1})`, each] as const),
  )

  test.each(cases)('%s is what finite differences give', async (_, each) => {
    for (const { gradient, numeric } of await bothGradients(each)) {
      const scale = Math.max(1, ...numeric.map(Math.abs))
      gradient.forEach((value, i) => {
        expect(Math.abs(value - numeric[i]) / scale).toBeLessThan(TOLERANCE)
      })
    }
  })

  test('every operator with a rule is among them', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(RULES).sort())
  })
})

describe('differentiation', () => {
  const build = (fill: (graph: Graph) => Value) => {
    const graph = new Graph()
    graph.input('x', 'float32', [3])
    return { graph, loss: graph.node('ReduceSum', [fill(graph)], { keepdims: 0 }) }
  }

  test('finds a wrong gradient: the comparison is no formality', async () => {
    const wrong: Case = {
      inputs: { x: [3] },
      build: (graph) => customGradient(graph, graph.node('Exp', ['x']), ['x'], (dy) => [dy]),
    }
    const [{ gradient, numeric }] = await bothGradients(wrong)
    expect(Math.max(...gradient.map((value, i) => Math.abs(value - numeric[i])))).toBeGreaterThan(0.05)
  })

  test('adds what comes by several ways', async () => {
    const [{ gradient, numeric }] = await bothGradients({
      inputs: { x: [3] },
      build: (graph) => graph.node('Mul', [graph.node('Add', ['x', 'x']), graph.node('Exp', ['x'])]),
    })
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(numeric[i], 2)
    })
  })

  test('refuses an operator without a rule, by name', () => {
    const { graph, loss } = build((each) => each.node('Cast', ['x'], { to: 1 }))
    expect(() => differentiate(graph, loss, ['x'])).toThrow('Cast has no gradient rule')
  })

  test('needs no rule where no parameter is involved', () => {
    const { graph } = build((each) => each.node('Cast', ['x'], { to: 1 }))
    graph.input('w', 'float32', [3])
    const loss = graph.node('ReduceSum', [graph.node('Mul', ['Cast_0', 'w'])], { keepdims: 0 })
    expect(differentiate(graph, loss, ['w'])).toHaveLength(1)
  })

  test('gives zeros for what the loss does not depend on', async () => {
    const [, unused] = await bothGradients({ inputs: { x: [3], unused: [2] }, build: () => 'x' })
    expect([...unused.gradient]).toEqual([0, 0])
  })

  test('refuses a loss of several elements', () => {
    const graph = new Graph()
    graph.input('x', 'float32', [3])
    expect(() => differentiate(graph, 'x', ['x'])).toThrow('[3]')
  })

  test('refuses an operator of unknown shape, by name', () => {
    const { graph, loss } = build((each) => each.node('Conv', ['x']))
    expect(() => differentiate(graph, loss, ['x'])).toThrow('Conv')
  })
})
