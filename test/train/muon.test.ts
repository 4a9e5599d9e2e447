import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/onnx/graph.js'
import { createRandom } from '../../src/random.js'
import { ArraySession } from '../../src/runtime/array-session.js'
import { orthogonalised } from '../../src/train/muon.js'

async function run(rows: number, columns: number) {
  const graph = new Graph()
  graph.input('x', 'float32', [rows, columns])
  graph.output(graph.node('Identity', [orthogonalised(graph, 'x', [rows, columns])], {}, 'y'), 'float32', [
    rows,
    columns,
  ])
  const random = createRandom(rows)
  const x = Float32Array.from({ length: rows * columns }, () => random() - 0.5)
  const y = new Float32Array(x.length)
  const session = await ArraySession.create(graph, { device: 'cpu' })
  await session.run(
    new Map([
      ['x', x],
      ['y', y],
    ]),
  )
  await session.dispose()
  return { x, y }
}

/** The largest and smallest eigenvalue of the smaller of YYᵀ and YᵀY, by its quadratic form in many directions. */
function stretches(y: Float32Array, rows: number, columns: number): number[] {
  const random = createRandom(7)
  const isTall = rows > columns
  const short = Math.min(rows, columns)
  return Array.from({ length: 200 }, () => {
    const direction = Array.from({ length: short }, () => random() - 0.5)
    const norm = Math.hypot(...direction)
    const image = Array.from({ length: Math.max(rows, columns) }, (_, i) =>
      direction.reduce(
        (sum, value, j) => sum + value * (isTall ? y[i * columns + j] : y[j * columns + i]),
        0,
      ),
    )
    return Math.hypot(...image) / norm
  })
}

describe('an orthogonalised matrix', () => {
  test.each([
    [8, 8],
    [6, 20],
    [20, 6],
  ])('of %i x %i stretches every direction by nearly the same', async (rows, columns) => {
    const { x, y } = await run(rows, columns)
    const after = stretches(y, rows, columns)
    expect(Math.min(...after)).toBeGreaterThan(0.6)
    expect(Math.max(...after)).toBeLessThan(1.3)
    const before = stretches(x, rows, columns)
    expect(Math.max(...before) / Math.min(...before)).toBeGreaterThan(1.5)
    // The direction is kept: U Vᵀ has a positive product with U S Vᵀ.
    expect(x.reduce((sum, value, i) => sum + value * y[i], 0)).toBeGreaterThan(0)
  })
})
