import { Graph } from '../../src/onnx/graph.js'
import { ArraySession } from '../../src/runtime/array-session.js'

const SIZE = 2048

/** The fastest that a product of two large matrices was seen to run, GFLOP/s in float32. */
export async function peakGflops(threads: number, runs: number): Promise<number> {
  const graph = new Graph()
  const shape = [SIZE, SIZE]
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', shape))
  // A sum, so that no large output is copied.
  const product = graph.node('MatMul', [a, b])
  graph.output(graph.node('ReduceSum', [product], { keepdims: 0 }, 'sum'), 'float32', [])
  const session = await ArraySession.create(graph, { device: 'cpu', threads })
  const matrix = () => Float32Array.from({ length: SIZE * SIZE }, () => Math.random() - 0.5)
  const arrays = new Map([
    ['a', matrix()],
    ['b', matrix()],
    ['sum', new Float32Array(1)],
  ])
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    await session.run(arrays)
    best = Math.min(best, performance.now() - start)
  }
  await session.dispose()
  return (2 * SIZE ** 3) / best / 1e6
}
