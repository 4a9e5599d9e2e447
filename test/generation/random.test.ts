import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom, forkSeed, sampleIndex } from '../../src/random.js'
import { buildProcessors, softmax } from '../../src/scores/processors/index.js'
import { MersenneTwister, randomPermutation } from '../../src/scores/processors/mt19937.js'

interface Golden {
  uniform: Record<string, number[]>
  mersenne: { seed: string; permutation: number[]; bits: number[] }[]
}
const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/random/golden.json', import.meta.url), 'utf8'),
)

/** Σ (observed - expected)² / expected over the cells that expect something. */
function chiSquare(observed: ArrayLike<number>, probabilities: ArrayLike<number>, draws: number): number {
  let sum = 0
  for (let i = 0; i < observed.length; i++) {
    const expected = probabilities[i] * draws
    if (expected > 0) sum += (observed[i] - expected) ** 2 / expected
    else if (observed[i] > 0) return Infinity
  }
  return sum
}

/** The chi-square quantile at 4 standard deviations (p = 3e-5), by Wilson and Hilferty's approximation. */
const limit = (freedom: number) => freedom * (1 - 2 / (9 * freedom) + 4 * Math.sqrt(2 / (9 * freedom))) ** 3

function histogram(cells: number, draws: number, draw: () => number): Int32Array {
  const counts = new Int32Array(cells)
  for (let i = 0; i < draws; i++) counts[draw()]++
  return counts
}

describe('createRandom', () => {
  it.each(Object.entries(golden.uniform))('seed %s gives the known numbers', (seed, numbers) => {
    const random = createRandom(Number(seed))
    expect(numbers.map(() => random())).toEqual(numbers)
  })

  it('is uniform, in its first bits and in its last', () => {
    const draws = 200_000
    const uniform = new Float64Array(256).fill(1 / 256)
    for (const scale of [256, 2 ** 30]) {
      const random = createRandom(7)
      const counts = histogram(256, draws, () => Math.floor(random() * scale) % 256)
      expect(chiSquare(counts, uniform, draws)).toBeLessThan(limit(255))
    }
  })

  it('the test of uniformity fails a generator that is 3 % off in half of its cells', () => {
    const draws = 200_000
    const random = createRandom(7)
    const skewed = () => Math.floor((random() < 0.03 ? random() / 2 : random()) * 256)
    const counts = histogram(256, draws, skewed)
    expect(chiSquare(counts, new Float64Array(256).fill(1 / 256), draws)).toBeGreaterThan(limit(255))
  })
})

describe('forkSeed', () => {
  it('keeps the seed for the first sequence and gives each other one its own stream', () => {
    expect(forkSeed(42, 0)).toBe(42)
    const seeds = [0, 1, 42, 2 ** 53 - 1].flatMap((seed) =>
      Array.from({ length: 100 }, (_, i) => forkSeed(seed, i)),
    )
    expect(new Set(seeds).size).toBe(400)
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true)
    expect(forkSeed(42, 3)).toBe(forkSeed(42, 3))
  })

  it('gives streams that do not correlate', () => {
    const [a, b] = [createRandom(forkSeed(9, 1)), createRandom(forkSeed(9, 2))]
    const draws = 100_000
    const counts = histogram(64, draws, () => Math.floor(a() * 8) * 8 + Math.floor(b() * 8))
    expect(chiSquare(counts, new Float64Array(64).fill(1 / 64), draws)).toBeLessThan(limit(63))
  })
})

describe('sampleIndex', () => {
  it('inverts the running sum', () => {
    const draw = (uniform: number) => sampleIndex([0.25, 0, 0.5, 0.25, 0], () => uniform)
    expect([0, 0.249, 0.25, 0.749, 0.75, 0.9999999].map(draw)).toEqual([0, 0, 2, 2, 3, 3])
  })

  it('refuses weights without a positive finite sum', () => {
    expect(() => sampleIndex([0, 0], () => 0.5)).toThrow('add up to 0')
    expect(() => sampleIndex([Number.NaN, 1], () => 0.5)).toThrow('add up to NaN')
  })
})

describe('sampling after the processors', () => {
  const vocab = 64
  const draws = 200_000
  const noise = createRandom(3)
  const logits = Float32Array.from({ length: vocab }, () => 3 * (noise() + noise() + noise() - 1.5))

  /** The distribution by the definitions, in float64 and with full sorts: temperature, then top-k, then top-p. */
  function exact(temperature: number, k: number, p: number): Float64Array {
    const order = Array.from(logits.keys())
      .sort((a, b) => logits[b] - logits[a])
      .slice(0, k)
    const weights = order.map((token) => Math.exp(logits[token] / temperature))
    const total = weights.reduce((sum, weight) => sum + weight)
    const result = new Float64Array(vocab)
    let mass = 0
    for (const [rank, token] of order.entries()) {
      if (mass >= p * total) break
      result[token] = weights[rank]
      mass += weights[rank]
    }
    return result.map((weight) => weight / mass)
  }

  function drawn(temperature: number, top_k: number, top_p: number, draw = sampleIndex): Int32Array {
    const values = { do_sample: true, temperature, top_k, top_p }
    const { config } = resolveGenerationConfig({ values, origin: 'the test' })
    const random = createRandom(2024)
    const scores = logits.slice()
    for (const process of buildProcessors(config, { promptLength: 1, maxLength: 9, eosTokenIds: [] })) {
      process(scores, prefixOf([1]))
    }
    const probabilities = softmax(scores)
    return histogram(vocab, draws, () => draw(probabilities, random))
  }

  it.each([
    [1, 64, 1],
    [0.7, 20, 0.9],
    [1.8, 64, 0.6],
  ])('temperature %d, top-k %i, top-p %d: the exact distribution', (temperature, k, p) => {
    const probabilities = exact(temperature, k, p)
    const support = probabilities.filter((probability) => probability > 0).length
    expect(chiSquare(drawn(temperature, k, p), probabilities, draws)).toBeLessThan(limit(support - 1))
  })

  it('and the test fails a sampler that favours one token by 2 %, or the wrong temperature', () => {
    const biased: typeof sampleIndex = (probabilities, random) =>
      random() < 0.02 ? logits.indexOf(Math.max(...logits)) : sampleIndex(probabilities, random)
    const probabilities = exact(1, 64, 1)
    expect(chiSquare(drawn(1, 64, 1, biased), probabilities, draws)).toBeGreaterThan(limit(63))
    expect(chiSquare(drawn(1.03, 64, 1), probabilities, draws)).toBeGreaterThan(limit(63))
  })
})

describe('the Mersenne Twister', () => {
  it.each(golden.mersenne)("seed $seed gives torch's permutation and bits", ({ seed, permutation, bits }) => {
    expect([...randomPermutation(1000, BigInt(seed)).subarray(0, 16)]).toEqual(permutation)
    const generator = new MersenneTwister(BigInt(seed))
    expect(bits.map(() => generator.draw() % 2)).toEqual(bits)
  })
})
