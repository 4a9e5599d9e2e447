import { describe, expect, test } from 'vitest'
import { readBandwidth } from '../../src/bench/bandwidth.js'
import { fastest, lengths, passFigures } from '../../src/bench/bench.js'
import { type RunSums, runsBeside } from '../../src/bench/drafters.js'
import { ROUNDS, rounds } from '../../src/bench/rounds.js'
import { median } from '../../src/median.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { bytesReadPerToken, cacheBytesPerToken, weightBytes } from '../../src/runtime/storage.js'

test.each([
  [[3], 3],
  [[4, 1, 10], 4],
  [[4, 1, 10, 2], 3],
])('the median of %j is %f', (values, expected) => {
  expect(median(values)).toBe(expected)
})

describe('lengths', () => {
  test('are those that the model has room for', () => {
    expect(lengths(4096, {})).toEqual({ contexts: [128, 512, 1024], tokens: [1, 2, 4, 8, 16, 32] })
    expect(lengths(1024, {}).contexts).toEqual([128, 512])
    expect(lengths(128, {}).contexts).toEqual([80])
  })

  test('are sorted, each once, and have a pass of one token', () => {
    expect(lengths(512, { contexts: [64, 32, 64], tokens: [8, 4, 8] })).toEqual({
      contexts: [32, 64],
      tokens: [1, 4, 8],
    })
  })

  test('that were asked for and do not fit are refused', () => {
    expect(lengths(128, { contexts: [112], tokens: [16] }).contexts).toEqual([112])
    expect(() => lengths(128, { contexts: [113] })).toThrow(/113 tokens and 16 .* 128 positions/)
    expect(() => lengths(128, { contexts: [100], tokens: [29] })).toThrow(/A pass of 29 tokens after 100/)
  })
})

test('passes are relative to that of one token', () => {
  expect(passFigures([1, 2, 8], [0.01, 0.0125, 0.02])).toEqual([
    { tokens: 1, seconds: 0.01, relative: 1 },
    { tokens: 2, seconds: 0.0125, relative: 1.25 },
    { tokens: 8, seconds: 0.02, relative: 2 },
  ])
})

describe('runs', () => {
  const sums = (seconds: number, rest: Partial<RunSums> = {}): RunSums => ({
    tokens: 100,
    seconds,
    passes: 100,
    drafted: 0,
    accepted: 0,
    ids: '1 2 3',
    ...rest,
  })
  const greedy = [sums(1), sums(4), sums(2)]

  test('are compared within their rounds', () => {
    const drafts = { passes: 40, drafted: 80, accepted: 60 }
    // Ratios 2, 1 and 4/3; speeds 200, 25 and 66.7.
    const own = [sums(0.5, drafts), sums(4, drafts), sums(1.5, drafts)]
    const runs = runsBeside(greedy, own)
    expect(runs.speedup).toBeCloseTo(4 / 3, 12)
    expect(runs.tokens_per_second).toBeCloseTo(100 / 1.5, 12)
    expect(runs).toMatchObject({ tokens_per_pass: 2.5, acceptance: 0.75, same_text: true })
  })

  test('have no acceptance where nothing was drafted, and may have another text', () => {
    const own = [sums(1), sums(4), sums(2, { ids: '1 2 4' })]
    expect(runsBeside(greedy, own)).toMatchObject({ speedup: 1, acceptance: null, same_text: false })
  })

  test('name the fastest drafter, if it is clearly faster than greedy decoding', () => {
    const drafters = [
      { name: 'a', speedup: 1.1, acceptance: 0.5 },
      { name: 'b', speedup: 1.4, acceptance: 0.2 },
      { name: 'c', speedup: 1.04, acceptance: 0.9 },
      { name: 'd', speedup: 2, acceptance: null },
    ]
    expect(fastest(drafters)).toBe('b')
    expect(fastest(drafters.slice(2))).toBeNull()
    expect(fastest([])).toBeNull()
  })
})

describe('rounds', () => {
  test('are 3 at least and 15 at most', async () => {
    const seen: number[] = []
    expect(await rounds(0, undefined, async (i) => void seen.push(i))).toBe(ROUNDS.least)
    expect(seen).toEqual([0, 1, 2])
    expect(await rounds(1000, undefined, async () => {})).toBe(ROUNDS.most)
  })

  test('end with an interrupt', async () => {
    const controller = new AbortController()
    const run = rounds(1000, controller.signal, async (i) => {
      if (i === 1) controller.abort(new Error('stop'))
    })
    await expect(run).rejects.toThrow('stop')
  })
})

describe('bytes that a token reads', () => {
  const config = {
    model_type: 'llama',
    vocab_size: 100,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
  }
  const tied = specFromConfig({ ...config, tie_word_embeddings: true }, 'config.json')
  const untied = specFromConfig({ ...config, tie_word_embeddings: false }, 'config.json')
  const embedding = 4 * 100 * 64

  test('are all weights where the embedding is the vocabulary projection', () => {
    expect(bytesReadPerToken(tied, 'fp32', 0)).toBe(weightBytes(tied, 'fp32'))
  })

  test('are all weights where both are the same in 8 bits', () => {
    for (const type of ['int8', 'int4'] as const) {
      expect(bytesReadPerToken(tied, type, 0)).toBe(weightBytes(tied, type))
      // A byte a weight, and a scale of float32 for each 64.
      expect(weightBytes(untied, type) - weightBytes(tied, type)).toBe(100 * (64 + 4))
      expect(bytesReadPerToken(untied, type, 0)).toBe(weightBytes(tied, type))
    }
  })

  test('are those without the embedding where it is only looked up', () => {
    expect(bytesReadPerToken(untied, 'fp32', 0)).toBe(weightBytes(untied, 'fp32') - embedding)
    // Per layer q, k, v, o, gate, up, down and two norms; then the last norm and the projection.
    const layer = 64 * (64 + 32 + 32 + 64) + 3 * 64 * 128 + 2 * 64
    expect(bytesReadPerToken(untied, 'fp32', 0)).toBe(4 * (2 * layer + 64 + 100 * 64))
  })

  test('have the cache of the context', () => {
    const grown = bytesReadPerToken(tied, 'int4', 10) - bytesReadPerToken(tied, 'int4', 0)
    expect(grown).toBe(10 * cacheBytesPerToken(tied, 'int4'))
  })
})

test('memory gives something to each reader', async () => {
  expect(await readBandwidth(2)).toBeGreaterThan(1e7)
})
