import { readFileSync } from 'node:fs'
import type * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { addShortlist, blocksOf } from '../../src/models/decoder/shortlist.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { Graph } from '../../src/onnx/graph.js'
import { createRandom } from '../../src/random.js'
import { buildGraph } from '../../src/runtime/build.js'
import { DeviceKernels } from '../../src/runtime/device-rows.js'
import { OnnxModel } from '../../src/runtime/onnx-model.js'
import { createSession } from '../../src/runtime/session.js'
import { Shortlist, SparseRows } from '../../src/runtime/shortlist.js'
import { CHUNK } from '../../src/runtime/tree-graph.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath } from '../fixtures.js'
import { runGraph, tensor, testDevices } from './devices.js'

const devices = await testDevices()

/** The ids of the best scores, of equals the lowest first. */
function best(scores: Float32Array, count: number): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, count)
}

describe.each(devices)('the best scores on $device', ({ device, missing }) => {
  test.skipIf(missing !== undefined).each([
    { vocabSize: 100, count: 1 },
    { vocabSize: 1000, count: 7 },
    { vocabSize: 5120, count: 1 },
    { vocabSize: 5120, count: 300 },
  ])('are the $count of $vocabSize', async ({ vocabSize, count }) => {
    const rows = 3
    const random = createRandom(vocabSize)
    // Most have equals where they are rounded.
    const round = count === 1 ? Math.round : (score: number) => score
    const logits = Float32Array.from({ length: rows * vocabSize }, () => round(40 * random() - 20))
    const graph = new Graph()
    addShortlist(graph, graph.input('logits', 'float32', [1, 'R', vocabSize]), vocabSize)
    // Its inputs say how many are wanted; one more is asked for, which tells of ties.
    const list = new Shortlist(count, vocabSize)
    const results = await runGraph(
      graph,
      { logits: tensor(logits, [1, rows, vocabSize]), ...list.feeds() },
      { device },
    )
    const named = Object.fromEntries(Object.entries(results).map(([name, data]) => [name, { data }]))
    const read = list.read(named as unknown as Record<string, ort.Tensor>)
    for (let row = 0; row < rows; row++) {
      const scores = logits.subarray(row * vocabSize, (row + 1) * vocabSize)
      const { ids, scores: top } = read(row)
      expect(ids).toEqual(best(scores, count))
      expect([...top]).toEqual(ids.map((id) => scores[id]))
    }
    expect((results.top_blocks as BigInt64Array).length).toBe(rows * blocksOf(count + 1, vocabSize))
  })
})

describe('a row', () => {
  test('used again holds nothing of what it held', () => {
    const rows = new SparseRows(6)
    const first = rows.row({ ids: [4, 1], scores: Float32Array.of(9, 8) })
    const second = rows.row({ ids: [0], scores: Float32Array.of(7) })
    expect([...first]).toEqual([-Infinity, 8, -Infinity, -Infinity, 9, -Infinity])
    expect([...second]).toEqual([7, ...Array(5).fill(-Infinity)])
    rows.clear()
    expect(rows.row({ ids: [1], scores: Float32Array.of(5) })).toBe(first)
    expect([...first]).toEqual([-Infinity, 5, ...Array(4).fill(-Infinity)])
  })
})

/** The graph for a cache on the device is of standard operators, so that the CPU runs it as well. */
describe('a shortlist of a model', () => {
  const TREE = { tokens: [5, 9, 14, 200, 31, 7], parents: [-1, 0, 0, 1, 2, 2] }
  let model: OnnxModel
  let session: ort.InferenceSession
  beforeAll(async () => {
    const directory = fixturePath('llama')
    const store = await openWeights(directory)
    const config = JSON.parse(readFileSync(`${directory}/config.json`, 'utf8'))
    const spec = specFromConfig(config, directory)
    const { graph, directory: weights } = await buildGraph(spec, store, 'fp32', { layout: 'device' })
    session = await createSession(graph, weights, { device: 'cpu', threads: 1 })
    const kernels = await DeviceKernels.create(spec, 'cpu', 'float32', CHUNK)
    // Named after the device whose layout it is.
    model = new OnnxModel({ session, spec, device: 'webgpu', kernels })
    await store.close()
  })
  afterAll(() => model.dispose())

  async function forward(shortlist?: number) {
    const cache = model.newCache()
    const output = await model.forward(cache, TREE.tokens, TREE.parents, [0, 3, 5], { topK: shortlist })
    const rows = [0, 3, 5].map((node) => output.logits(node).slice())
    cache.dispose()
    return rows
  }

  test.each([1, 5, 50])('of %i holds these scores and no others', async (count) => {
    const all = await forward()
    for (const [i, row] of (await forward(count)).entries()) {
      const ids = best(all[i], count)
      expect(best(row, count)).toEqual(ids)
      expect(ids.map((id) => row[id])).toEqual(ids.map((id) => all[i][id]))
      expect(row.filter((score) => score !== -Infinity)).toHaveLength(count)
    }
  })

  test('that would be longer than the row is not one', async () => {
    expect(await forward(200)).toEqual(await forward())
  })

  test('that cuts equals apart is run again with all scores', async () => {
    const run = session.run.bind(session)
    const fetched: string[][] = []
    const spy = vi.spyOn(session, 'run').mockImplementation((async (feeds: never, fetches: object) => {
      fetched.push(Object.keys(fetches))
      const results = await run(feeds, fetches as never)
      // The last two of the second row's six.
      const scores = results.top_scores?.data as Float32Array | undefined
      if (scores) scores[11] = scores[10]
      return results
    }) as never)
    const rows = await forward(5)
    spy.mockRestore()
    expect(rows).toEqual(await forward())
    expect(fetched.map((names) => names.includes('logits'))).toEqual([false, true])
  })
})
