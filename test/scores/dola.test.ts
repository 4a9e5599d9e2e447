import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { contrast, DolaModel, dolaLayers } from '../../src/scores/dola.js'
import { logSoftmax } from '../../src/strategies/softmax.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { stubModel } from '../generation/stub-model.js'
import { ToyModel } from '../strategies/toy-model.js'
import { temporaryDirectory } from '../weights/files.js'

const spec = (count: number, tiedHead: boolean) => ({ layers: Array<'full'>(count).fill('full'), tiedHead })

describe('dolaLayers', () => {
  // By hand from HF 4.49's `_dola_decoding`: range(start, N // 2, 2) and range(N // 2, N, 2), 20 layers beyond 40.
  test.each([
    ['low', 1, false, [0]],
    ['low', 2, false, [0]],
    ['low', 2, true, [1]],
    ['low', 4, true, [2]],
    ['low', 5, true, [2]],
    ['low', 6, false, [0, 2]],
    ['low', 12, true, [2, 4]],
    ['low', 30, true, [2, 4, 6, 8, 10, 12, 14]],
    ['low', 40, false, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]],
    ['low', 48, true, [2, 4, 6, 8, 10, 12, 14, 16, 18]],
    ['high', 1, true, [0]],
    ['high', 3, true, [1]],
    ['high', 12, false, [6, 8, 10]],
    ['high', 41, false, [21, 23, 25, 27, 29, 31, 33, 35, 37, 39]],
    ['high', 48, true, [28, 30, 32, 34, 36, 38, 40, 42, 44, 46]],
    [[3, 1], 4, true, [3, 1]],
  ] as const)('%j of %d layers, tied %j: %j', (setting, count, tied, layers) => {
    expect(dolaLayers(setting as Parameters<typeof dolaLayers>[0], spec(count, tied))).toEqual(layers)
  })

  test('refuses layers that are not there', () => {
    expect(() => dolaLayers([1, 4], spec(4, false))).toThrow(
      'dola_layers names layer 4, but the exits of this model are 0 to 3.',
    )
    expect(() => dolaLayers([], spec(4, false))).toThrow('dola_layers [] is no layer of a model of 4')
    // HF fails with a message about tensors.
    expect(() => dolaLayers('low', spec(3, true))).toThrow('dola_layers "low" is no layer of a model of 3')
  })
})

describe('contrast', () => {
  const logits = Float32Array.from([3, 2.5, 0.9, -4])

  test('takes the exit off the last layer, and keeps what has a tenth of the best probability', () => {
    const exit = Float32Array.from([1, 2, 0, 5])
    const [last, early] = [logSoftmax(logits.slice()), logSoftmax(exit.slice())]
    const scores = contrast(logits, [exit])
    expect(scores[0]).toBeCloseTo(last[0] - early[0], 6)
    expect(scores[2]).toBeCloseTo(last[2] - early[2], 6)
    expect(scores[3]).toBe(-Infinity)
  })

  test('takes the exit that differs most', () => {
    const near = logits.map((score) => score + 0.1)
    const far = Float32Array.from([-3, 4, 1, 2])
    expect(contrast(logits, [near, far])).toEqual(contrast(logits, [far]))
    expect(contrast(logits, [far, near])).toEqual(contrast(logits, [far]))
    expect(contrast(logits, [near])).not.toEqual(contrast(logits, [far]))
  })
})

describe('a model', () => {
  test('without the exits is refused', async () => {
    const model = {
      ...stubModel(new ToyModel()),
      spec: { layers: ['full', 'full'], kvHeads: 1, headDim: 2, tiedHead: false } as never,
    }
    await expect(generate(model, [1, 2], { dola_layers: [1] }).result()).rejects.toThrow(
      'dola_layers needs the layers 1: load the model with exits: [1].',
    )
    await expect(generate(stubModel(new ToyModel()), [1, 2], { dola_layers: [1] }).result()).rejects.toThrow(
      'pass it as spec',
    )
  })

  const names = ['llama', 'qwen3', 'gemma3']
  let loaded: Awaited<ReturnType<typeof loadFixture>>[]
  temporaryDirectory()
  beforeAll(async () => {
    loaded = await Promise.all(names.map((name) => loadFixture(name, { dtype: 'fp32', exits: [2, 0] })))
  })
  afterAll(() => Promise.all(loaded.map(({ model }) => model.dispose())))

  test.each(names)('%s gives the same results with exits and without', async (name) => {
    const plain = await loadFixture(name, { dtype: 'fp32' })
    const tokens = [5, 9, 200, 31]
    const chain = [-1, 0, 1, 2]
    const { model } = loaded[names.indexOf(name)]
    const [one, other] = await Promise.all(
      [model, plain.model].map((m) => m.forward(m.newCache(), tokens, chain)),
    )
    for (const node of tokens.keys()) {
      expect(largestDifference(one.logits(node), other.logits(node))).toBeLessThan(1e-5)
      expect(largestDifference(one.hidden(node), other.hidden(node))).toBeLessThan(1e-5)
      expect(one.exits!(node)).toHaveLength(2)
      expect(largestDifference(one.exits!(node)[0].logits, one.exits!(node)[1].logits)).toBeGreaterThan(0.01)
    }
    await plain.model.dispose()
  })

  test.each(names)('%s has the scores of a path at the nodes of a tree', async (name) => {
    const model = new DolaModel(loaded[names.indexOf(name)].model, [0, 2])
    const tokens = [5, 9, 200, 31, 77, 12]
    const parents = [-1, 0, 1, 1, 0, 3]
    const tree = await model.forward(model.newCache(), tokens, parents)
    const path = await model.forward(model.newCache(), [5, 9, 31, 12], [-1, 0, 1, 2])
    for (const [inTree, inPath] of [
      [0, 0],
      [1, 1],
      [3, 2],
      [5, 3],
    ]) {
      expect(largestDifference(tree.residual!(inTree), path.residual!(inPath))).toBeLessThan(1e-4)
      const [a, b] = [tree.scores!(inTree), path.scores!(inPath)]
      const kept = [...a.keys()].filter((token) => a[token] > -Infinity)
      expect(kept).toEqual([...b.keys()].filter((token) => b[token] > -Infinity))
      expect(Math.max(...kept.map((token) => Math.abs(a[token] - b[token])))).toBeLessThan(1e-4)
    }
  })
})
