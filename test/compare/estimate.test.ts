import { describe, expect, test } from 'vitest'
import { estimate } from '../../src/compare/estimate.js'
import { median } from '../../src/median.js'
import { createRandom } from '../../src/random.js'

describe('median', () => {
  test.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, -100, 8], 8.5],
    [[], 0],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })
})

describe('estimate', () => {
  test('of equal values has no width, and of one value neither', () => {
    expect(estimate([7, 7, 7, 7], 1)).toEqual({ median: 7, low: 7, high: 7 })
    expect(estimate([2], 1)).toEqual({ median: 2, low: 2, high: 2 })
  })

  test('of three values: the medians of resamples are 1, 2 and 3 with 7, 13 and 7 of 27 chances', () => {
    // 7/27 lie at each end, more than 2.5%.
    expect(estimate([1, 2, 3], 5)).toEqual({ median: 2, low: 1, high: 3 })
  })

  test('leaves an outlier out that is in too few resamples to be their median', () => {
    // Of 9 draws 5 have to be the outlier: a chance of 0.2%.
    const { low, high } = estimate([1, 1, 1, 1, 1, 1, 1, 1, 1000], 2)
    expect([low, high]).toEqual([1, 1])
  })

  test('is that of its seed, whatever the order in which it is asked', () => {
    const random = createRandom(3)
    const values = Array.from({ length: 40 }, random)
    const first = estimate(values, 4)
    estimate(values, 5)
    expect(estimate(values, 4)).toEqual(first)
  })

  test('holds the true median about 95 times of 100', () => {
    const random = createRandom(9)
    const hits = Array.from({ length: 60 }, (_, i) => {
      const { low, high } = estimate(Array.from({ length: 31 }, random), i)
      return Number(low <= 0.5 && high >= 0.5)
    }).reduce((sum, hit) => sum + hit, 0)
    expect(hits).toBeGreaterThan(50)
    expect(hits).toBeLessThan(60)
  })
})
