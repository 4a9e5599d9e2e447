import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { firstLayers } from '../../src/language-model/load.js'
import { type OpenModel, openModel } from '../../src/language-model/open.js'
import type { Model } from '../../src/model/model.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { PagedModel } from '../../src/runtime/paged-model.js'
import { bytesReadPerToken, cacheBytesPerToken } from '../../src/runtime/storage.js'
import { CHUNK } from '../../src/runtime/tree-graph.js'
import { fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { LAYOUTS, loadLayout } from './layouts.js'
import { trainedLogits } from './training-graph.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const TOLERANCE = 1e-4

const text = (length: number, seed = 0) => Array.from({ length }, (_, i) => 3 + ((11 * i + 7 * seed) % 120))
const chain = (length: number, from: number) => Array.from({ length }, (_, i) => from + i - 1)

const opened = new Map<string, OpenModel>()
beforeAll(async () => {
  for (const name of ['lfm2', 'lfm2-biased']) opened.set(name, await openModel(fixturePath(name)))
})
afterAll(() => Promise.all([...opened.values()].map(({ store }) => store.close())))

/** The logits of a row's last token, as the graph without a cache gives them. */
async function lastLogits({ spec, store }: Pick<OpenModel, 'spec' | 'store'>, ids: readonly number[]) {
  return (await trainedLogits(spec, store, ids))(ids.length - 1)
}

/** What a token after a chain gives. */
async function scoresAfter(
  model: Model,
  cache: ReturnType<Model['newCache']>,
  token: number,
  parent: number,
) {
  const { logits } = await model.forward(cache, [token], [parent])
  return logits(0).slice()
}

describe.each(['lfm2', 'lfm2-biased'])('the convolutions of %s', (name) => {
  describe.each(LAYOUTS)('with a cache %s', (layout) => {
    test('see the same of a prompt in one run, in several, and token by token', async () => {
      const { spec, store } = opened.get(name)!
      const model = await loadLayout(spec, store, layout)
      const ids = text(CHUNK + 3)
      const expected = await lastLogits({ spec, store }, ids)
      for (const sizes of [[ids.length], [1, 1, 1, ids.length - 3], [CHUNK - 1, 2, 2]]) {
        const cache = model.newCache()
        let logits = new Float32Array()
        for (const size of sizes) {
          const part = ids.slice(cache.length, cache.length + size)
          const output = await model.forward(cache, part, chain(size, cache.length), [size - 1])
          logits = output.logits(size - 1).slice()
        }
        expect(largestDifference(logits, expected), String(sizes)).toBeLessThan(TOLERANCE)
      }
      await model.dispose()
    })

    test('go on from a branch when what lay between it and its ancestors is dropped', async () => {
      const { spec, store } = opened.get(name)!
      const model = await loadLayout(spec, store, layout)
      const cache = model.newCache()
      const [a, b, ...rest] = text(8, 3)
      // Two branches that part at the start, and each again a token later, side by side.
      const parents = [-1, -1, 0, 1, 0, 1, 2, 3]
      await model.forward(cache, [a, b, ...rest], parents)
      cache.keep([1, 3, 5, 7])
      const path = [b, rest[1], rest[5]]
      const found = await scoresAfter(model, cache, 9, 3)
      expect(largestDifference(found, await lastLogits({ spec, store }, [...path, 9]))).toBeLessThan(
        TOLERANCE,
      )
      const other = await scoresAfter(model, cache, 10, 2)
      const expected = await lastLogits({ spec, store }, [b, rest[3], 10])
      expect(largestDifference(other, expected)).toBeLessThan(TOLERANCE)
      // The same place in the tree again, with what a dropped sibling had there before.
      cache.keep([0, 1, 3])
      const again = await scoresAfter(model, cache, 9, 2)
      expect(largestDifference(again, found)).toBeLessThan(TOLERANCE)
      await model.dispose()
    })

    test('see their own of a wide tree, of which few columns are copied', async () => {
      const { spec, store } = opened.get(name)!
      const model = await loadLayout(spec, store, layout)
      const cache = model.newCache()
      // 40 sequences of their own that are 6 tokens long.
      const starts = text(40, 5)
      await model.forward(
        cache,
        starts,
        starts.map(() => -1),
      )
      for (let depth = 1; depth < 6; depth++) {
        const parents = starts.map((_, i) => (depth - 1) * starts.length + i)
        await model.forward(cache, text(starts.length, depth), parents)
      }
      const rows = Array.from({ length: 6 }, (_, depth) =>
        depth === 0 ? starts : text(starts.length, depth),
      )
      const own = (i: number) => rows.map((row) => row[i])
      const tail = text(20, 11)
      const last = 5 * starts.length + 33
      const parents = tail.map((_, i) => (i === 0 ? last : cache.length + i - 1))
      const { logits } = await model.forward(cache, tail, parents, [tail.length - 1])
      const expected = await lastLogits({ spec, store }, [...own(33), ...tail])
      expect(largestDifference(logits(tail.length - 1), expected)).toBeLessThan(TOLERANCE)
      await model.dispose()
    })
  })

  test('do not see the documents before their own in a row that is trained on', async () => {
    const { spec, store } = opened.get(name)!
    const [first, second] = [text(5, 1), text(6, 2)]
    const segments = [...first.map(() => 0), ...second.map(() => 1)]
    const packed = await trainedLogits(spec, store, [...first, ...second], segments)
    const alone = await trainedLogits(spec, store, second)
    for (const [i] of second.entries()) {
      expect(largestDifference(packed(first.length + i), alone(i))).toBeLessThan(TOLERANCE)
    }
  })

  test('may be all that there is', async () => {
    const { spec, store } = opened.get(name)!
    const short: DecoderSpec = { ...firstLayers(spec, 1) }
    expect(short.layers).toEqual(['conv'])
    const expected = await lastLogits({ spec: short, store }, text(7))
    for (const layout of LAYOUTS) {
      const model = await loadLayout(short, store, layout)
      const cache = model.newCache()
      await model.forward(cache, text(6), chain(6, 0))
      expect(largestDifference(await scoresAfter(model, cache, text(7)[6], 5), expected)).toBeLessThan(
        TOLERANCE,
      )
      await model.dispose()
    }
  })
})

test('sequences in pages, forks and runs of many see their own tokens', async () => {
  const { spec, store } = opened.get('lfm2')!
  const model = await loadLayout(spec, store, 'paged')
  if (!(model instanceof PagedModel)) throw new TypeError('not in pages')
  const [long, short] = [model.newCache(), model.newCache()]
  const [longText, shortText] = [text(70, 1), text(2, 2)]
  await model.forward(long, longText, chain(70, 0))
  await model.forward(short, shortText, chain(2, 0))
  const fork = long.fork()
  const passes = [
    { cache: long, tokens: [9, 10], parents: [69, 70], before: longText },
    { cache: fork, tokens: [11], parents: [68], before: longText.slice(0, 69) },
    { cache: short, tokens: [12, 13, 14], parents: [1, 2, 3], before: shortText },
  ]
  const outputs = await model.forwardAll(passes.map((pass) => ({ ...pass, nodes: [pass.tokens.length - 1] })))
  for (const [i, { before, tokens }] of passes.entries()) {
    const expected = await lastLogits({ spec, store }, [...before, ...tokens])
    expect(largestDifference(outputs[i].logits(tokens.length - 1), expected)).toBeLessThan(TOLERANCE)
  }
  await model.dispose()
})

test('a token takes a row of the hidden size by convolution, of which few are read', () => {
  const { spec } = opened.get('lfm2')!
  const { hiddenSize, kvHeads, headDim } = spec
  const attention = 2 * 2 * kvHeads * headDim
  expect(cacheBytesPerToken(spec, 'fp32')).toBe(4 * (attention + 3 * hiddenSize))
  expect(cacheBytesPerToken(spec, 'fp16')).toBe(2 * (attention + 3 * hiddenSize))
  const read = (context: number) => bytesReadPerToken(spec, 'fp32', context)
  expect(read(1) - read(0)).toBe(4 * (attention + 3 * hiddenSize))
  expect(read(1000) - read(2)).toBe(998 * 4 * attention)
})
