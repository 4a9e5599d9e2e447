import { expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type * as Random from '../../src/random.js'
import { softmax } from '../../src/strategies/softmax.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'

/** Whether the drafters' streams of random numbers are made to be the targets'. */
const streams = vi.hoisted(() => ({ areOne: false }))

vi.mock('../../src/random.js', async (original) => {
  const actual = await original<typeof Random>()
  const forkSeed = (seed: number, index: number) =>
    actual.forkSeed(seed, streams.areOne ? index % 2 ** 32 : index)
  return { ...actual, forkSeed }
})

const PROMPT = [3, 1, 4]
const SEEDS = 1200
/** Fewer draws than are expected by cell make no χ². */
const LEAST = 5

/** A model of the same tokens that knows little of the target. */
class OtherModel extends ToyModel {
  override logits(path: readonly number[]) {
    return super.logits([...path, 7])
  }
}

/** By pair of tokens how often the target draws them in turn, of all draws. */
function expectedPairs(): Map<string, number> {
  const toy = new ToyModel()
  const pairs = new Map<string, number>()
  for (const [first, p] of softmax(toy.logits(PROMPT)).entries()) {
    for (const [second, q] of softmax(toy.logits([...PROMPT, first])).entries()) {
      pairs.set(`${first} ${second}`, p * q * SEEDS)
    }
  }
  return pairs
}

/** The first two tokens of `generate` with a sampled assistant, which drafts the second one: counts over fixed seeds. */
async function drawnPairs(): Promise<Map<string, number>> {
  const [target, assistant] = [stubModel(new ToyModel()), { path: 'draft', ...stubModel(new OtherModel()) }]
  const settings = {
    do_sample: true,
    top_k: 0,
    max_new_tokens: 3,
    num_assistant_tokens: 1,
    assistant_confidence_threshold: 0,
  }
  const pairs = new Map<string, number>()
  for (let seed = 0; seed < SEEDS; seed++) {
    const { ids, statistics } = await generate(target, PROMPT, { ...settings, seed }, { assistant }).result()
    expect(statistics.drafted_tokens).toBe(1)
    const pair = ids.slice(0, 2).join(' ')
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
  }
  return pairs
}

/** Standard deviations by which Pearson's χ² is above its mean; rare pairs are one cell. */
function excess(drawn: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): number {
  let [cells, statistic] = [0, 0]
  const rare = { drawn: 0, expected: 0 }
  const add = (observed: number, mean: number) => {
    cells++
    statistic += (observed - mean) ** 2 / mean
  }
  for (const [pair, mean] of expected) {
    if (mean >= LEAST) add(drawn.get(pair) ?? 0, mean)
    else {
      rare.drawn += drawn.get(pair) ?? 0
      rare.expected += mean
    }
  }
  add(rare.drawn, rare.expected)
  return (statistic - (cells - 1)) / Math.sqrt(2 * (cells - 1))
}

/** Standard deviations that chance alone may make: the seeds are fixed, and give 1 or so. */
const NOISE = 4

test('a sampled assistant draws from random numbers of its own: the text is distributed as the target’s', async () => {
  const expected = expectedPairs()
  expect(excess(await drawnPairs(), expected)).toBeLessThan(NOISE)
  streams.areOne = true
  try {
    // With one stream the draft follows from the token before it, and so does what is accepted.
    expect(excess(await drawnPairs(), expected)).toBeGreaterThan(3 * NOISE)
  } finally {
    streams.areOne = false
  }
}, 60_000)
