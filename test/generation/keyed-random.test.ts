import { describe, expect, test } from 'vitest'
import type { GenerateOptions } from '../../src/generation/options.js'
import { keyedRandom } from '../../src/random.js'
import type { RandomProcessor } from '../../src/strategies/strategy.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { run } from './toy-generation.js'

const PROMPT = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]
const assistant = () => ({ ...stubModel(new ToyModel()), path: 'the draft' })

/** Adds noise to the scores: each token is the likeliest at times. */
const noise: RandomProcessor = (logits, _, random) => {
  for (let i = 0; i < logits.length; i++) logits[i] += 4 * random()
}

const texts = async (settings: Record<string, unknown>, options: GenerateOptions = {}) => {
  const common = { seed: 5, max_new_tokens: 30 }
  const { sequences, statistics } = await run({ ...common, ...settings }, options, PROMPT)
  return { ids: sequences.map(({ ids }) => ids.join()), accepted: statistics.accepted_tokens }
}

describe('random numbers of processors', () => {
  const xtc = { do_sample: true, num_return_sequences: 3, xtc_probability: 0.5, xtc_threshold: 0.05 }
  const drafts = { num_assistant_tokens: 4 }

  test.each([
    ['XTC', xtc, undefined],
    ['a user’s own', { do_sample: false }, [noise]],
    ['both', xtc, [noise, noise]],
  ] as const)('%s: drafts change no text', async (_, settings, processors) => {
    const plain = await texts(settings, { processors })
    const looked = await texts({ ...settings, prompt_lookup_num_tokens: 5 }, { processors })
    expect(looked.ids).toEqual(plain.ids)
    // Drafts that run the same processors, and know what they will say.
    for (const treeNodes of [1, 9]) {
      const drafted = await texts(
        { ...settings, ...drafts },
        { processors, assistant: { ...assistant(), treeNodes } },
      )
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.accepted).toBeGreaterThan(0)
    }
  })

  test('from a stream that goes on with each call would change it', async () => {
    const stateful = () => {
      const random = keyedRandom(1)(0)
      return [((logits, prefix) => noise(logits, prefix, random)) satisfies RandomProcessor]
    }
    const plain = await texts({}, { processors: stateful() })
    const options = { processors: stateful(), assistant: { ...assistant(), treeNodes: 9 } }
    expect((await texts(drafts, options)).ids).not.toEqual(plain.ids)
  })

  test('are others with another seed, in another sequence and for another processor', async () => {
    const seen: number[] = []
    const watch: RandomProcessor = (_, { length }, random) => {
      if (length === PROMPT.length) seen.push(random())
    }
    const settings = { do_sample: true, num_return_sequences: 2, max_new_tokens: 1 }
    const options = { processors: [watch, watch] }
    await texts(settings, options)
    await texts({ ...settings, seed: 6 }, options)
    expect(seen).toHaveLength(8)
    expect(new Set(seen).size).toBe(8)
    const before = [...seen]
    await texts(settings, options)
    expect(seen.slice(8)).toEqual(before.slice(0, 4))
  })
})
