import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import type { Model } from '../../src/model/model.js'
import { layoutFromConfig } from '../../src/models/families/index.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { liveModel } from '../../src/runtime/live-model.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import { writeModelFiles } from '../../src/train/model-files.js'
import { nextToken } from '../../src/train/objective.js'
import { Trainer } from '../../src/train/trainer.js'
import { openWeights, type Weights } from '../../src/weights/index.js'
import { fixturePath, largestDifference } from '../fixtures.js'
import { readFixture } from '../train/golden-run.js'
import { tinyOptimiser } from '../train/tiny.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const TOLERANCE = 1e-4
const TOKENS = [5, 9, 14, 2, 7, 30, 11, 8]
const MODELS = ['llama', 'qwen2', 'qwen3', 'gemma3', 'qwen2_moe', 'lfm2-biased']

const rising = (count: number) => Array.from({ length: count }, (_, i) => i - 1)

/** The logits after each of some tokens, in a cache of its own. */
async function logitsOf(model: Model, tokens = TOKENS, parents = rising(tokens.length)) {
  const cache = model.newCache()
  const output = await model.forward(cache, tokens, parents)
  const logits = tokens.map((_, i) => output.logits(i).slice())
  cache.dispose()
  return logits
}

const worst = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
  Math.max(...a.map((each, i) => largestDifference(each, b[i])))

/** A trainer of all weights of a model, on one row of tokens. */
async function trainerOf(spec: DecoderSpec, weights: Weights) {
  const shape = { batch: 1, length: TOKENS.length - 1 }
  const options = { device: 'cpu', threads: 1, shape, weights, optimiser: tinyOptimiser } as const
  const trainer = await Trainer.create(nextToken(spec), options)
  const row = {
    rows: 1,
    length: shape.length,
    ids: Int32Array.from(TOKENS.slice(0, -1)),
    targets: Int32Array.from(TOKENS.slice(1)),
    weights: new Float32Array(shape.length).fill(1),
    segments: new Int32Array(shape.length),
  }
  return { step: () => trainer.step([row]), dispose: () => trainer.dispose() }
}

/** The logits of a session that is loaded from these weights' files. */
async function savedLogits(name: string, spec: DecoderSpec, weights: Weights) {
  const directory = await mkdtemp(join(tmpdir(), 'live-'))
  try {
    const files = { spec, config: {}, weights, tokenizer: fixturePath(name), dtype: 'F32' } as const
    await writeModelFiles(directory, files)
    const layout = layoutFromConfig({ model_type: spec.family }, directory)
    const store = parametersIn(await openWeights(directory), spec, layout, directory)
    const { model } = await loadOnnxModel(spec, store, directory, {
      dtype: 'fp32',
      device: 'cpu',
      threads: 1,
    })
    const logits = await logitsOf(model)
    await model.dispose()
    await store.close()
    return logits
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe.each(MODELS)('%s over the arrays of a trainer', (name) => {
  test.each([false, true])('decodes with the weights of its last step (many sequences: %s)', async (many) => {
    const { spec, weights } = await readFixture(name)
    const model = many
      ? await liveModel(spec, weights, { threads: 1, manySequences: true })
      : await liveModel(spec, weights, { threads: 1 })
    const trainer = await trainerOf(spec, weights)
    let before = await logitsOf(model)
    expect(worst(before, await savedLogits(name, spec, weights))).toBeLessThan(TOLERANCE)
    for (let step = 0; step < 3; step++) {
      await trainer.step()
      const after = await logitsOf(model)
      expect(worst(after, before)).toBeGreaterThan(100 * TOLERANCE)
      before = after
    }
    expect(worst(before, await savedLogits(name, spec, weights))).toBeLessThan(TOLERANCE)
    await Promise.all([trainer.dispose(), model.dispose()])
  })

  test('runs a tree as its paths', async () => {
    const { spec, weights } = await readFixture(name)
    const model = await liveModel(spec, weights, { threads: 1 })
    // 5 9 14, 5 9 2, 5 7 and 5 7 30.
    const tree = await logitsOf(model, [5, 9, 7, 14, 2, 30], [-1, 0, 0, 1, 1, 2])
    for (const [node, path] of [
      [3, [5, 9, 14]],
      [4, [5, 9, 2]],
      [2, [5, 7]],
      [5, [5, 7, 30]],
    ] as const) {
      const along = await logitsOf(model, [...path])
      expect(largestDifference(tree[node], along.at(-1)!)).toBeLessThan(TOLERANCE)
    }
    await model.dispose()
  })
})

describe('rollouts over live weights', () => {
  test('are those of each sequence by itself', async () => {
    const { spec, weights } = await readFixture('llama')
    const [batch, alone] = [
      await liveModel(spec, weights, { threads: 1, manySequences: true }),
      await liveModel(spec, weights, { threads: 1 }),
    ]
    const prompts = [[5], [9, 14, 2], [7, 30, 11, 8, 1]]
    const outputs = await batch.forwardAll(
      prompts.map((tokens) => {
        const parents = rising(tokens.length)
        return { cache: batch.newCache(), tokens, parents, nodes: [tokens.length - 1] }
      }),
    )
    for (const [i, tokens] of prompts.entries()) {
      const expected = (await logitsOf(alone, tokens)).at(-1)!
      expect(largestDifference(outputs[i].logits(tokens.length - 1), expected)).toBeLessThan(TOLERANCE)
    }
    await Promise.all([batch.dispose(), alone.dispose()])
  })

  test('give early exits, and end with the model', async () => {
    const { spec, weights } = await readFixture('llama')
    const model = await liveModel(spec, weights, { threads: 1, exits: [1] })
    const output = await model.forward(model.newCache(), [5, 9], [-1, 0])
    expect(output.exits(1)).toHaveLength(1)
    await model.dispose()
    await expect(logitsOf(model)).rejects.toThrow('The model was disposed of')
  })
})

test('weights that are missing, or of another size, are refused by name', async () => {
  const { spec, weights } = await readFixture('llama')
  const without = new Map(weights)
  without.delete('model.norm.weight')
  await expect(liveModel(spec, without)).rejects.toThrow('model.norm.weight has no values')
  const short = new Map([...weights, ['model.norm.weight', new Float32Array(3)]] as const)
  await expect(liveModel(spec, short)).rejects.toThrow('model.norm.weight has 3 values')
})
