import { afterAll, describe, expect, test, vi } from 'vitest'
import { openModel } from '../../src/language-model/open.js'
import { BranchingModel } from '../../src/model/branches.js'
import type { KVCache, Model, Output, StateName } from '../../src/model/model.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import { PagedModel } from '../../src/runtime/paged-model.js'
import { CHUNK } from '../../src/runtime/tree-graph.js'
import { fixturePath, largestDifference, loadFixture, loadPaged } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { testDevices } from './devices.js'
import { LAYOUTS, loadLayout } from './layouts.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const TOLERANCE = 1e-4
const TAPS = [0, 1]
const TREE = [-1, 0, 0, 1]

const chain = (length: number) => Array.from({ length }, (_, i) => i - 1)

/** A prompt of two runs, of which one score is asked for, and a tree after it: the tapped states of some tokens of both. */
async function statesOf(model: Model, state: (output: Output, node: number) => Float32Array[]) {
  const cache = model.newCache()
  const prompt = Array.from({ length: CHUNK + 12 }, (_, i) => (7 * i) % model.vocabSize)
  const wanted = [0, 64, CHUNK - 1, CHUNK, CHUNK + 11]
  const first = await model.forward(cache, prompt, chain(prompt.length), wanted)
  const states = wanted.flatMap((node) => state(first, node).map((values) => values.slice()))
  const parents = TREE.map((parent) => prompt.length + parent)
  const second = await model.forward(cache, [3, 1, 4, 1], parents, [...TREE.keys()])
  return [...states, ...[...TREE.keys()].flatMap((node) => state(second, node))]
}

for (const fixture of ['llama', 'qwen3', 'gemma3', 'lfm2']) {
  describe(`taps of ${fixture}`, async () => {
    const path = fixturePath(fixture)
    const { spec, store } = await openModel(path)
    afterAll(() => store.close())

    const exits = await loadOnnxModel(spec, store, path, { device: 'cpu', dtype: 'fp32', exits: TAPS })
    const expected = await statesOf(exits.model, (output, node) =>
      output.exits!(node).map(({ hidden }) => hidden),
    )
    await exits.model.dispose()

    test.each(LAYOUTS)('are the states of early exits with a cache %s', async (layout) => {
      const model = await loadLayout(spec, store, layout, TAPS)
      expect(model.taps).toEqual(TAPS)
      const states = await statesOf(model, (output, node) => TAPS.map((layer) => output.tap!(node, layer)))
      expect(states).toHaveLength(expected.length)
      for (const [i, state] of states.entries()) {
        expect(largestDifference(state, expected[i])).toBeLessThan(TOLERANCE)
      }
      expect(largestDifference(states[0], states[1])).toBeGreaterThan(0.01)
      await model.dispose()
    })

    test('after a block are what a model of the blocks up to it gives', async () => {
      const short = { ...spec, layers: spec.layers.slice(0, 1) }
      const { model } = await loadOnnxModel(short, store, path, { device: 'cpu', dtype: 'fp32' })
      const states = await statesOf(model, (output, node) => [output.residual!(node)])
      for (const [i, state] of states.entries()) {
        expect(largestDifference(state, expected[2 * i + 1])).toBeLessThan(TOLERANCE)
      }
      await model.dispose()
    })
  })
}

for (const { device, missing } of await testDevices()) {
  test.skipIf(missing)(`taps on ${device} come back where they are asked for`, async () => {
    const options = { dtype: 'fp32', threads: 1 } as const
    const tapped = await loadFixture('llama', { ...options, device, taps: TAPS })
    const exits = await loadFixture('llama', { ...options, exits: TAPS })
    const run = (model: Model, states?: readonly StateName[]) =>
      model.forward(model.newCache(), [5, 9, 14], chain(3), [2], { states })
    const output = await run(tapped.model, [1])
    const expected = (await run(exits.model)).exits!(2)[1].hidden
    expect(largestDifference(output.tap!(2, 1), expected)).toBeLessThan(TOLERANCE)
    expect(() => output.tap!(2, 0)).toThrow('The pass left out the states of layer 0')
    await expect(run(exits.model, [1])).rejects.toThrow('The model taps no layer 1')
    await Promise.all([tapped.model.dispose(), exits.model.dispose()])
  })
}

test.each([false, true])(
  'merged passes give each what it asks for, by the runtime’s own means: %j',
  async (manySequences) => {
    const options = { dtype: 'fp32', taps: TAPS } as const
    const loaded = manySequences ? await loadPaged('llama', options) : await loadFixture('llama', options)
    const model = manySequences ? (loaded.model as PagedModel) : new BranchingModel(loaded.model)
    const passes = ([[0], ['hidden'], [1, 'residual']] as StateName[][]).map((states, i) => {
      const tokens = [3 + i, 5, 9 + i]
      return {
        cache: model.newCache() as KVCache,
        tokens,
        parents: chain(3),
        nodes: [2],
        options: { states },
      }
    })
    const alone = []
    for (const { tokens, parents, nodes } of passes) {
      const output = await loaded.model.forward(loaded.model.newCache(), tokens, parents, nodes)
      alone.push(TAPS.map((layer) => output.tap!(1, layer).slice()))
    }
    const outputs =
      model instanceof PagedModel
        ? await model.forwardAll(passes)
        : await Promise.all(
            passes.map((pass) =>
              model.forward(pass.cache, pass.tokens, pass.parents, pass.nodes, pass.options),
            ),
          )
    expect(largestDifference(outputs[0].tap!(1, 0), alone[0][0])).toBeLessThan(TOLERANCE)
    expect(largestDifference(outputs[2].tap!(1, 1), alone[2][1])).toBeLessThan(TOLERANCE)
    await loaded.model.dispose()
  },
)

test.each([-1, 9, 0.5])('there is no layer %d to tap', async (layer) => {
  const loading = loadFixture('llama', { taps: [0, layer] })
  await expect(loading).rejects.toMatchObject({
    message: expect.stringMatching(`^There is no layer ${layer} to tap: this model has 0 to [1-8]\\.$`),
    exitCode: 2,
  })
})
