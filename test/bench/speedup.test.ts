import { describe, expect, test } from 'vitest'
import { bestChain, breakEven, expectedTokens, speedup } from '../../src/bench/speedup.js'

/** A pass of T tokens takes 9 + T, a drafted token 1. */
const costs = { pass: (tokens: number) => 9 + tokens, draft: (nodes: number) => nodes }

describe('expected tokens', () => {
  test.each([
    [0, 5, 1],
    [0.5, 1, 1.5],
    [0.5, 2, 1.75],
    [0.8, 3, 1 + 0.8 + 0.64 + 0.512],
    [1, 4, 5],
  ])('at acceptance %f of %i are %f', (acceptance, drafted, expected) => {
    expect(expectedTokens(acceptance, drafted)).toBeCloseTo(expected, 12)
  })
})

describe('the speed-up', () => {
  test('is tokens over cost, by hand', () => {
    expect(speedup(costs, 0.3, 0)).toBe(1)
    // (1 + 0.5 + 0.25) · 10 / (12 + 2)
    expect(speedup(costs, 0.5, 2)).toBeCloseTo(1.25, 12)
    // 4 · 10 / (13 + 3)
    expect(speedup(costs, 1, 3)).toBeCloseTo(2.5, 12)
  })

  test('of the best chain is that of no other length less', () => {
    for (const acceptance of [0, 0.2, 0.5, 0.9, 1]) {
      const best = bestChain(costs, acceptance, 12)
      const all = Array.from({ length: 12 }, (_, i) => speedup(costs, acceptance, i + 1))
      expect(best.speedup).toBe(Math.max(...all))
      expect(all[best.drafted - 1]).toBe(best.speedup)
    }
    expect(bestChain(costs, 0, 12).drafted).toBe(1)
    expect(bestChain(costs, 1, 12).drafted).toBe(12)
  })
})

describe('break-even', () => {
  test('of chains of one token is where 1 + α pays for pass and draft', () => {
    // (1 + α) · 10 = 11 + 1
    expect(breakEven(costs, 1)).toBeCloseTo(0.2, 3)
  })

  test('is no higher with longer chains', () => {
    expect(breakEven(costs, 8)).toBeLessThanOrEqual(breakEven(costs, 1)!)
  })

  test('is 0 where drafts are free, and null where they never pay', () => {
    expect(breakEven({ pass: () => 10, draft: () => 0 }, 4)).toBe(0)
    expect(breakEven({ pass: (tokens) => 10 * tokens, draft: () => 1 }, 4)).toBeNull()
  })
})
