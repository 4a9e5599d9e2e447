import { beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { Model } from '../../src/model/model.js'
import { loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { stubModel } from './stub-model.js'

const PROMPT = [5, 80, 211, 7, 150, 33]
const DRAWS = 4000

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

/** A model that gives these scores whatever it is fed, so that only sampling takes time. */
function constantModel(logits: Float32Array): Model {
  const hidden = new Float32Array(1)
  return {
    vocabSize: logits.length,
    hiddenSize: 1,
    maxPositions: 100,
    newCache: () => ({ length: 0, keep: () => {}, dispose: () => {} }),
    forward: async () => ({ logits: () => logits, hidden: () => hidden }),
  }
}

/** The distribution by its definition, in float64: temperature, then the best `k`. */
function exact(logits: Float32Array, { temperature = 1, top_k = 0 }): Float64Array {
  const cut = top_k > 0 ? Float32Array.from(logits).sort().at(-top_k)! : -Infinity
  const weights = Float64Array.from(logits, (score) => (score < cut ? 0 : Math.exp(score / temperature)))
  const total = weights.reduce((sum, weight) => sum + weight)
  return weights.map((weight) => weight / total)
}

/** Pearson's statistic as a quantile of the standard normal distribution (Wilson and Hilferty 1931). */
function deviation(counts: Int32Array, probabilities: Float64Array): number {
  // Tokens that are expected less than five times share a bin.
  let [observed, expected] = [0, 0]
  let [statistic, bins] = [0, 0]
  for (const [token, probability] of probabilities.entries()) {
    if (probability === 0 && counts[token] > 0) return Infinity
    const mean = probability * DRAWS
    if (mean < 5) {
      observed += counts[token]
      expected += mean
    } else {
      statistic += (counts[token] - mean) ** 2 / mean
      bins++
    }
  }
  if (expected > 0) {
    statistic += (observed - expected) ** 2 / expected
    bins++
  }
  const spread = 2 / (9 * (bins - 1))
  return ((statistic / (bins - 1)) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread)
}

/** The 99.9% quantile of the standard normal distribution. */
const LIMIT = 3.09

function histogram(size: number, draw: (i: number) => number): Int32Array {
  const counts = new Int32Array(size)
  for (let i = 0; i < DRAWS; i++) counts[draw(i)]++
  return counts
}

/** Exact draws, by another generator (mulberry32) than the library's. */
function exactDraws(probabilities: Float64Array, seed: number): Int32Array {
  let state = seed
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), state | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
  return histogram(probabilities.length, () => {
    let left = random()
    let token = 0
    while (left >= probabilities[token] && token < probabilities.length - 1) left -= probabilities[token++]
    return token
  })
}

describe('the first token of the fixture llama over 4000 seeds', () => {
  let logits: Float32Array
  beforeAll(async () => {
    const { model } = await loadFixture('llama', { dtype: 'fp32' })
    const output = await model.forward(model.newCache(), PROMPT, [-1, 0, 1, 2, 3, 4], [5])
    logits = output.logits(5).slice()
    await model.dispose()
  })

  /** First tokens of 4000 generations with a seed each. */
  async function firstTokens(settings: Record<string, unknown>): Promise<Int32Array> {
    const model = stubModel(constantModel(logits))
    const tokens: number[] = []
    for (let seed = 0; seed < DRAWS; seed++) {
      const values = { do_sample: true, max_new_tokens: 1, seed, ...settings }
      tokens.push((await generate(model, PROMPT, values).result()).ids[0])
    }
    return histogram(logits.length, (i) => tokens[i])
  }

  const cases = [{ top_k: 0 }, { top_k: 20, temperature: 0.7 }]

  test.each(cases)('has the exact distribution: %j', async (settings) => {
    expect(Math.abs(deviation(await firstTokens(settings), exact(logits, settings)))).toBeLessThan(LIMIT)
  })

  test('and so have the sequences of one generation', async () => {
    const values = { do_sample: true, max_new_tokens: 1, seed: 1, top_k: 0, num_return_sequences: DRAWS }
    const { sequences } = await generate(stubModel(constantModel(logits)), PROMPT, values).result()
    const counts = histogram(logits.length, (i) => sequences[i].ids[0])
    expect(Math.abs(deviation(counts, exact(logits, { top_k: 0 })))).toBeLessThan(LIMIT)
  })

  test('noise: exact draws deviate as a normal distribution does', () => {
    for (const settings of cases) {
      const probabilities = exact(logits, settings)
      const deviations = Array.from({ length: 200 }, (_, seed) =>
        deviation(exactDraws(probabilities, seed), probabilities),
      )
      const mean = deviations.reduce((sum, value) => sum + value) / 200
      const variance = deviations.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 200
      expect(Math.abs(mean)).toBeLessThan(0.3)
      expect(variance).toBeGreaterThan(0.7)
      expect(variance).toBeLessThan(1.4)
      expect(deviations.filter((value) => Math.abs(value) > LIMIT).length).toBeLessThanOrEqual(2)
    }
  })

  test('negative control: another temperature is noticed', async () => {
    const counts = await firstTokens({ top_k: 0, temperature: 1.3 })
    expect(deviation(counts, exact(logits, { temperature: 1.3 }))).toBeLessThan(LIMIT)
    expect(deviation(counts, exact(logits, { temperature: 1 }))).toBeGreaterThan(3 * LIMIT)
  })
})
