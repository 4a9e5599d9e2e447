import { describe, expect, it } from 'vitest'
import { entropy, expNegative, exponentiator, logSoftmax, softmax } from '../../src/strategies/softmax.js'

describe('expNegative', () => {
  it('is exp to 1e-11 relative, over and beyond its table', () => {
    let worst = 0
    for (let x = 0; x > -200; x -= 0.00137)
      worst = Math.max(worst, Math.abs(expNegative(x) / Math.exp(x) - 1))
    expect(worst).toBeLessThan(1e-11)
    expect(worst).toBeGreaterThan(0)
    expect(expNegative(-1000)).toBe(0)
    expect(expNegative(-Infinity)).toBe(0)
  })
})

describe('softmax', () => {
  const scores = Float32Array.from([1000, 999, -Infinity, 990])
  const terms = [1, Math.exp(-1), 0, Math.exp(-10)]
  const total = 1 + Math.exp(-1) + Math.exp(-10)

  it('does not overflow, and gives impossible tokens 0', () => {
    const probabilities = softmax(scores)
    for (const [i, term] of terms.entries()) expect(probabilities[i]).toBeCloseTo(term / total, 6)
    expect(probabilities[2]).toBe(0)
  })

  it('agrees with its logarithm and its entropy', () => {
    const logs = logSoftmax(scores.slice())
    expect(logs[2]).toBe(-Infinity)
    expect(logs[1]).toBeCloseTo(-1 - Math.log(total), 5)
    const expected = terms.reduce(
      (sum, term) => sum - (term > 0 ? (term / total) * Math.log(term / total) : 0),
      0,
    )
    expect(entropy(scores, exponentiator()(scores))).toBeCloseTo(expected, 6)
  })

  it('can write over its input', () => {
    const own = scores.slice()
    expect(softmax(own, own)).toBe(own)
    expect(own).toEqual(softmax(scores))
  })
})
