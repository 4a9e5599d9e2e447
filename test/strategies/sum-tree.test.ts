import { describe, expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { drawWithoutReplacement, selectBest } from '../../src/strategies/beam/selection.js'
import { SumTree } from '../../src/strategies/sum-tree.js'

describe('a sum tree', () => {
  test.each([1, 2, 3, 7, 8, 33])('of %i numbers finds where the running sum passes', (count) => {
    const random = createRandom(count)
    // Whole numbers, so that no sum is rounded.
    const values = Array.from({ length: count }, () => Math.floor(4 * random()))
    const tree = new SumTree(values)
    for (let round = 0; round < 50; round++) {
      const changed = Math.floor(count * random())
      values[changed] = Math.floor(4 * random())
      tree.set(changed, values[changed])
      const total = values.reduce((a, b) => a + b, 0)
      expect(tree.total).toBe(total)
      for (let target = 0; target < total; target++) {
        let [index, rest] = [0, target]
        while (rest >= values[index]) rest -= values[index++]
        expect(tree.locate(target)).toEqual({ index, rest })
      }
    }
  })

  test('leaves what rounding passes to the last one that is positive', () => {
    expect(new SumTree([1, 2, 0, 0, 0]).locate(3 + 1e-9).index).toBe(1)
  })
})

describe('candidates of many beams', () => {
  const random = createRandom(9)
  const rows = Array.from({ length: 300 }, () =>
    Float32Array.from({ length: 20 }, () => -Math.floor(9 * random())),
  )
  const sums = rows.map(() => -Math.floor(4 * random()))
  const all = rows.flatMap((row, beam) =>
    Array.from(row, (logprob, token) => ({ beam, token, sum: sums[beam] + logprob })),
  )

  test('are the best ones, of equals the first', () => {
    const sorted = all.toSorted((a, b) => b.sum - a.sum)
    for (const count of [1, 2, 150, 600, 6000, 9000]) {
      expect(selectBest()(rows, sums, count, random)).toEqual(sorted.slice(0, count))
    }
  })

  test('are drawn once each, all of them where as many are asked for', () => {
    const drawn = drawWithoutReplacement()(rows, sums, 9000, createRandom(1))
    const key = ({ beam, token }: { beam: number; token: number }) => beam * 20 + token
    expect(new Set(drawn.map(key))).toEqual(new Set(all.map(key)))
    expect(drawn).toHaveLength(all.length)
  })
})
