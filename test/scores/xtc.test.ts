import { describe, expect, it } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom, keyedRandom, sampleIndex } from '../../src/random.js'
import { buildProcessors, softmax } from '../../src/scores/processors/index.js'
import { xtc } from '../../src/scores/processors/truncation.js'

const prefix = prefixOf([0])

/** The tokens that are left of these probabilities, by a processor whose random number is 0 unless it is said. */
function left(p: readonly number[], [probability, threshold, keep]: readonly number[], chance = 0): number[] {
  const logits = Float32Array.from(p, (value) => Math.log(value))
  xtc(probability, threshold, keep)(logits, prefix, () => chance)
  return [...logits.keys()].filter((token) => logits[token] > -Infinity)
}

/**
 * What is left by llama.cpp's algorithm: with the candidates sorted, p1 ≥ p2 ≥ …, and m the number of those at or above the threshold,
 * all but the first m - 1; all where m < 2, and where fewer than `keep` would be left.
 */
describe('xtc leaves what llama.cpp does', () => {
  const four = [0.1, 0.4, 0.3, 0.2]
  it.each([
    ['m = 4 - 1 = 3, of which the least stays', four, [1, 0.15], [0, 3]],
    ['m = 4', four, [1, 0.05], [0]],
    ['m = 2', four, [1, 0.25], [0, 2, 3]],
    ['m = 1: nothing is excluded', four, [1, 0.35], [0, 1, 2, 3]],
    ['m = 0', four, [1, 0.45], [0, 1, 2, 3]],
    ['a threshold above one half is off', [0.52, 0.48], [1, 0.51], [0, 1]],
    ['a threshold of one half or less is not', [0.52, 0.48], [1, 0.45], [1]],
    ['threshold 0: the least of all candidates', [0.5, 0, 0.3, 0.2], [1, 0], [3]],
    ['probabilities are those of the candidates left: 0.2 of 0.5', [0.3, 0.2, 0], [1, 0.35], [1]],
    ['2 are left where 2 are to be kept', four, [1, 0.15, 2], [0, 3]],
    ['and none is excluded where 3 are', four, [1, 0.15, 3], [0, 1, 2, 3]],
    ['of equals one stays', [0.25, 0.25, 0.25, 0.25], [1, 0.2], [3]],
    ['a single candidate', [0, 1, 0], [1, 0.1], [1]],
  ])('%s', (_, p, setting, expected) => {
    expect(left(p, setting)).toEqual(expected)
  })

  it('as often as the probability says', () => {
    expect(left(four, [0.3, 0.15], 0.29)).toEqual([0, 3])
    expect(left(four, [0.3, 0.15], 0.3)).toEqual([0, 1, 2, 3])
    // 1 is always, 0 is never.
    expect(left(four, [1, 0.15], 1 - 2 ** -53)).toEqual([0, 3])
    expect(left(four, [0, 0.15], 0)).toEqual([0, 1, 2, 3])
  })
})

describe('xtc among the processors', () => {
  const build = (values: Record<string, unknown>, seed = 1) => {
    const { config } = resolveGenerationConfig({ values: { do_sample: true, ...values }, origin: 'the test' })
    return buildProcessors(config, {
      promptLength: 1,
      maxLength: 9,
      eosTokenIds: [],
      randomAt: keyedRandom(seed),
    })
  }
  const p = [0.1, 0.4, 0.3, 0.2]

  it('follows temperature and cuts', () => {
    // Squared and renormalised: 0.01, 0.16, 0.09, 0.04 of 0.3; top-k leaves the last three, of 0.29: 0.55, 0.31, 0.14.
    const settings = { temperature: 0.5, top_k: 3, xtc_probability: 1, xtc_threshold: 0.3 }
    const logits = Float32Array.from(p, Math.log)
    for (const process of build(settings)) process(logits, prefix)
    expect([...logits.keys()].filter((token) => logits[token] > -Infinity)).toEqual([2, 3])
  })

  it('draws from the mixture of both distributions', () => {
    const setting = { top_k: 0, xtc_probability: 0.3, xtc_threshold: 0.15 }
    const [process] = build(setting)
    const draws = 40_000
    const counts = [0, 0, 0, 0]
    const random = createRandom(7)
    for (let length = 1; length <= draws; length++) {
      const logits = Float32Array.from(p, Math.log)
      process(logits, { token: 0, parent: undefined, length })
      counts[sampleIndex(softmax(logits), random)]++
    }
    const expected = p.map((q, token) => 0.7 * q + 0.3 * [1 / 3, 0, 0, 2 / 3][token])
    const statistic = counts.reduce((sum, count, token) => {
      const mean = draws * expected[token]
      return sum + (count - mean) ** 2 / mean
    }, 0)
    // The 99.99% quantile of chi-square with 3 degrees of freedom; the plain distribution is far off.
    expect(statistic).toBeLessThan(21.1)
    expect(Math.abs(counts[3] - draws * p[3])).toBeGreaterThan(1000)
  })

  it('has the same random numbers at a position, however often and in which order it is asked', () => {
    const excludes = (seed: number, order: readonly number[]) => {
      const [process] = build({ top_k: 0, xtc_probability: 0.5 }, seed)
      const results = new Map<number, boolean>()
      for (const length of order) {
        const logits = Float32Array.from(p, Math.log)
        process(logits, { token: 0, parent: undefined, length })
        results.set(length, logits[1] === -Infinity)
      }
      return [...results].sort(([a], [b]) => a - b).map(([, isExcluded]) => isExcluded)
    }
    const lengths = Array.from({ length: 64 }, (_, i) => i + 1)
    const once = excludes(1, lengths)
    expect(excludes(1, [...lengths, ...lengths.toReversed(), 5, 5, 5])).toEqual(once)
    expect(excludes(1, lengths.toReversed())).toEqual(once)
    expect(excludes(2, lengths)).not.toEqual(once)
    expect(new Set(once).size).toBe(2)
  })
})
