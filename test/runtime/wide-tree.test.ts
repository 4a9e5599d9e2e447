import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { TreeCache } from '../../src/runtime/kv-cache.js'
import { largestDifference, loadFixture } from '../fixtures.js'

describe.each(['llama', 'gemma3'])('a tree of many sequences: %s', (name) => {
  const WIDTH = 600
  const prompt = [5, 9, 2, 14]
  const token = (level: number, leaf: number) => 3 + ((7 * leaf + 11 * level) % 250)
  let fixture: Awaited<ReturnType<typeof loadFixture>>
  beforeAll(async () => {
    fixture = await loadFixture(name, { dtype: 'fp32' })
  })
  afterAll(() => fixture?.model.dispose())

  test('gives each its own scores, and a run sees but what its tokens descend from', async () => {
    const { model } = fixture
    const cache = model.newCache()
    await model.forward(cache, prompt, [-1, 0, 1, 2], [])
    const level = (depth: number) => Array.from({ length: WIDTH }, (_, leaf) => token(depth, leaf))
    await model.forward(cache, level(0), Array(WIDTH).fill(3), [])
    await model.forward(
      cache,
      level(1),
      [...Array(WIDTH).keys()].map((leaf) => 4 + leaf),
      [],
    )
    const mask = vi.spyOn(TreeCache.prototype, 'mask')
    const asked = [0, 130, 299, 555, WIDTH - 1]
    const first = cache.length
    const output = await model.forward(
      cache,
      level(2),
      [...Array(WIDTH).keys()].map((leaf) => first - WIDTH + leaf),
      asked,
    )
    const widths = mask.mock.calls.map(([, { columns }]) => columns)
    mask.mockRestore()
    // Without that all runs would see some 1,900 columns.
    expect(Math.max(...widths)).toBeLessThanOrEqual(448)
    const found = asked.map((leaf) => output.logits(leaf).slice())
    const next = await model.forward(cache, [77], [first + 299], [0])
    found.push(next.logits(0).slice())
    cache.dispose()
    for (const [i, leaf] of [...asked, 299].entries()) {
      const alone = model.newCache()
      const path = [
        ...prompt,
        ...[0, 1, 2].map((depth) => token(depth, leaf)),
        ...(i === asked.length ? [77] : []),
      ]
      const expected = await model.forward(
        alone,
        path,
        [...path.keys()].map((at) => at - 1),
        [path.length - 1],
      )
      expect(largestDifference(found[i], expected.logits(path.length - 1))).toBeLessThan(1e-4)
      alone.dispose()
    }
  })

  test('ends between two runs of a pass with the signal, as it was before', async () => {
    const { model } = fixture
    const cache = model.newCache()
    const long = Array<number>(300).fill(7)
    const parents = [...long.keys()].map((at) => at - 1)
    const signal = AbortSignal.abort(new Error('Enough.'))
    await expect(model.forward(cache, long, parents, [299], { signal })).rejects.toThrow('Enough.')
    expect(cache.length).toBe(0)
    // What is one run cannot be ended.
    await model.forward(cache, long.slice(0, 100), parents.slice(0, 100), [99], { signal })
    expect(cache.length).toBe(100)
    cache.dispose()
  })
})
