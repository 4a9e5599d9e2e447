import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import { openModel } from '../../src/language-model/open.js'
import type { Model } from '../../src/model/model.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { configFromGguf, ggufLayout, ggufTensors } from '../../src/models/gguf/model.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { openGguf } from '../../src/weights/gguf.js'
import type { WeightStore } from '../../src/weights/index.js'
import { decodeFloats, fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { LAYOUTS, loadLayout } from './layouts.js'
import { trainedLogits } from './training-graph.js'

const GOLDEN = join(import.meta.dirname, '../golden/models')
const TOLERANCE = 1e-4

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

interface Golden {
  prompt: number[]
  greedy: number[]
  /** float32 [1 + steps, vocab]. */
  logits: string
}

const goldenOf = (name: string): Golden => JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8'))
const chain = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i - 1)

async function openFixture(name: string): Promise<{ spec: DecoderSpec; store: WeightStore }> {
  const { spec, store } = await openModel(fixturePath(name))
  return { spec, store }
}

/** Greedy ids, and the logits after the prompt and after each of them. */
async function greedy(model: Model, { prompt, greedy }: Golden) {
  const cache = model.newCache()
  const ids: number[] = []
  const logits: Float32Array[] = []
  let tokens = prompt
  while (logits.length <= greedy.length) {
    const output = await model.forward(cache, tokens, chain(tokens.length, cache.length), [tokens.length - 1])
    const row = output.logits(tokens.length - 1).slice()
    logits.push(row)
    tokens = [row.indexOf(Math.max(...row))]
    ids.push(...tokens)
  }
  return { ids: ids.slice(0, -1), logits }
}

function expectGolden({ ids, logits }: Awaited<ReturnType<typeof greedy>>, golden: Golden): void {
  expect(ids).toEqual(golden.greedy)
  const expected = decodeFloats(golden.logits)
  const width = logits[0].length
  for (const [row, values] of logits.entries()) {
    const wanted = expected.subarray(row * width, (row + 1) * width)
    expect(largestDifference(values, wanted), `row ${row}`).toBeLessThan(TOLERANCE)
  }
}

const names = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.json') && name !== 'smollm2.json')
  .map((name) => name.replace('.json', ''))

describe.each(names)('%s computes what HF transformers does', (name) => {
  const golden = goldenOf(name)
  let files: Awaited<ReturnType<typeof openFixture>>
  beforeAll(async () => {
    files = await openFixture(name)
  })
  afterAll(() => files.store.close())

  test.each(LAYOUTS)('with a cache %s', async (layout) => {
    const model = await loadLayout(files.spec, files.store, layout)
    expectGolden(await greedy(model, golden), golden)
    await model.dispose()
  })

  test('in the graph for training', async () => {
    const ids = [...golden.prompt, ...golden.greedy]
    const logits = await trainedLogits(files.spec, files.store, ids)
    const expected = decodeFloats(golden.logits)
    const { vocabSize } = files.spec
    for (let row = 0; row <= golden.greedy.length; row++) {
      const wanted = expected.subarray(row * vocabSize, (row + 1) * vocabSize)
      expect(largestDifference(logits(golden.prompt.length - 1 + row), wanted)).toBeLessThan(TOLERANCE)
    }
  })

  test.each(LAYOUTS)('and a tree what its paths give, with a cache %s', async (layout) => {
    const model = await loadLayout(files.spec, files.store, layout)
    const { prompt } = golden
    const start = prompt.length - 1
    // Three branches from the prompt's end, one of which splits again further on.
    const parents = [start, start, start + 1, start + 2, start, start + 4, start + 4, start + 6]
    const tokens = parents.map((_, i) => 5 + 7 * i)
    const cache = model.newCache()
    await model.forward(cache, prompt, chain(prompt.length), [start])
    const tree = await model.forward(cache, tokens, parents)
    for (let node = 0; node < tokens.length; node++) {
      const path: number[] = []
      for (let at = start + 1 + node; at > start; at = parents[at - start - 1]) path.unshift(at - start - 1)
      const alone = [...prompt, ...path.map((each) => tokens[each])]
      const output = await model.forward(model.newCache(), alone, chain(alone.length), [alone.length - 1])
      expect(largestDifference(tree.logits(node), output.logits(alone.length - 1))).toBeLessThan(TOLERANCE)
    }
    await model.dispose()
  })
})

/** Numbers as GGUF holds them. */
function inFloat32(spec: DecoderSpec): unknown {
  return JSON.parse(JSON.stringify(spec), (_, value) =>
    typeof value === 'number' ? Math.fround(value) : value,
  )
}

const converted = names.filter((name) => existsSync(join(GOLDEN, `${name}.gguf`)))

test('GGUF files are there for the families whose names and keys are their own', () => {
  expect(converted).toEqual(
    expect.arrayContaining(['smollm3', 'granite', 'olmo2', 'olmo3', 'gemma2', 'exaone4']),
  )
})

describe.each(converted)('%s as GGUF', (name) => {
  test('is the same model', async () => {
    const { spec, store } = await openFixture(name)
    const stored = await openGguf(join(GOLDEN, `${name}.gguf`), ggufTensors)
    const ggufConfig = await configFromGguf(stored)
    const ggufSpec = specFromConfig(ggufConfig, name)
    const gguf = parametersIn(stored, ggufSpec, ggufLayout(ggufConfig, name), name)
    // llama.cpp's converter makes a Llama of a Mistral without a window.
    const family = name === 'mistral-full' ? 'llama' : spec.family
    expect(inFloat32(ggufSpec)).toEqual(inFloat32({ ...spec, family }))
    expect([...gguf.tensors.keys()].sort()).toEqual([...store.tensors.keys()].sort())
    for (const tensor of store.tensors.keys()) {
      expect(largestDifference(await gguf.read(tensor), await store.read(tensor)), tensor).toBe(0)
    }
    const model = await loadLayout(ggufSpec, gguf, 'in-place')
    expectGolden(await greedy(model, goldenOf(name)), goldenOf(name))
    await model.dispose()
    await Promise.all([store.close(), gguf.close()])
  })
})
