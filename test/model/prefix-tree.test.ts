import { expect, test } from 'vitest'
import { extend, prefixOf } from '../../src/model/prefix.js'
import { PrefixTree } from '../../src/model/prefix-tree.js'
import { ToyModel } from '../strategies/toy-model.js'

test('what leaves have in common runs once', async () => {
  const model = new ToyModel()
  const cache = model.newCache()
  const prompt = prefixOf([1, 2, 3, 4])
  const tree = new PrefixTree(model, cache, prompt)
  const trunk = extend(prompt, 5)
  const leaves = [extend(trunk, 6), extend(trunk, 7), trunk]
  const output = await tree.run(leaves)
  expect(model.tokensRun).toBe(7)
  expect(cache.length).toBe(7)
  const rows = leaves.map((_, leaf) => output.logits(leaf).slice())
  for (const [leaf, prefix] of leaves.entries()) {
    const alone = new PrefixTree(model, model.newCache(), prompt)
    expect((await alone.run([prefix])).logits(0)).toEqual(rows[leaf])
  }
})
