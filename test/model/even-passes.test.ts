import { expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { EvenPasses, PASS_WIDTH } from '../../src/model/even-passes.js'
import { loadFixture } from '../fixtures.js'
import { stubModel } from '../generation/stub-model.js'
import { greedy, PROMPT } from '../generation/toy-generation.js'
import { ToyModel } from '../strategies/toy-model.js'

test('every pass has a multiple of so many tokens, of which the cache keeps its own', async () => {
  const widths: number[] = []
  class Watched extends ToyModel {
    override forward(...args: Parameters<ToyModel['forward']>) {
      widths.push(args[1].length)
      return super.forward(...args)
    }
  }
  const toy = new Watched()
  const model = stubModel(new EvenPasses(toy))
  for (const settings of [{}, { prompt_lookup_num_tokens: 5 }, { num_beams: 3 }]) {
    const { ids } = await generate(model, PROMPT, { max_new_tokens: 20, ...settings }).result()
    if (!('num_beams' in settings)) expect(ids).toEqual(greedy(20))
  }
  expect(new Set(widths)).toEqual(new Set([PASS_WIDTH]))
  expect(toy.caches.size).toBe(0)
  const cache = toy.newCache()
  await new EvenPasses(toy).forward(
    cache,
    Array(20).fill(1),
    [...Array(20).keys()].map((i) => i - 1),
  )
  expect([widths.at(-1), cache.length]).toEqual([32, 20])
})

test.each(['int4', 'int8', 'fp32'] as const)(
  'scores of %s are the same, however many tokens run together',
  async (dtype) => {
    const { model } = await loadFixture('llama', { dtype })
    const even = new EvenPasses(model)
    const tokens = Array.from({ length: 40 }, (_, i) => 3 + ((17 * i) % 250))
    const scoresBy = async (size: number) => {
      const cache = even.newCache()
      const rows: number[][] = []
      for (let start = 0; start < tokens.length; start += size) {
        const part = tokens.slice(start, start + size)
        const output = await even.forward(
          cache,
          part,
          part.map((_, i) => start + i - 1),
        )
        for (const i of part.keys()) rows.push([...output.logits(i)])
      }
      cache.dispose()
      return rows
    }
    try {
      const one = await scoresBy(1)
      for (const size of [2, 3, 7, 13, 40]) expect(await scoresBy(size)).toEqual(one)
    } finally {
      await model.dispose()
    }
  },
)
