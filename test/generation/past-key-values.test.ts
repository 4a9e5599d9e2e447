import { describe, expect, test } from 'vitest'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { run } from './toy-generation.js'

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]

/** Generates from a cache that holds the first `held` tokens of the prompt; counts the tokens that were run. */
async function continued(held: number, settings: GenerationSettings) {
  const toy = new ToyModel()
  const cache = toy.newCache()
  const tokens = PROMPT.slice(0, held)
  if (held > 0)
    await toy.forward(
      cache,
      tokens,
      tokens.map((_, i) => i - 1),
    )
  const before = toy.tokensRun
  const options = held > 0 ? { pastKeyValues: cache } : {}
  const { sequences } = await generate(stubModel(toy), PROMPT, settings, options).result()
  if (held === 0) cache.dispose()
  expect(toy.caches.size).toBe(0)
  return { ids: sequences.map(({ ids }) => ids), tokensRun: toy.tokensRun - before }
}

const modes: [name: string, settings: GenerationSettings, saves: boolean][] = [
  ['greedy decoding', {}, true],
  ['sampling', { do_sample: true }, true],
  ['several sequences', { do_sample: true, num_return_sequences: 3 }, true],
  ['guidance', { guidance_scale: 2 }, true],
  ['beam search', { num_beams: 3, num_return_sequences: 2 }, true],
  ['prompt lookup', { prompt_lookup_num_tokens: 3 }, true],
  // It needs the hidden states of the whole prompt.
  ['contrastive search', { penalty_alpha: 0.6, top_k: 3 }, false],
]

describe('past_key_values', () => {
  test.each(modes)('change nothing of %s', async (_, settings, saves) => {
    const all = { max_new_tokens: 12, seed: 5, ...settings }
    const { sequences } = await run(all, {}, PROMPT)
    const whole = await continued(0, all)
    expect(whole.ids).toEqual(sequences.map(({ ids }) => ids))
    for (const held of [1, 5, PROMPT.length - 1]) {
      const { ids, tokensRun } = await continued(held, all)
      expect(ids).toEqual(whole.ids)
      expect(whole.tokensRun - tokensRun).toBe(saves ? held : 0)
    }
  })

  test('may hold the whole prompt, whose last token is run again', async () => {
    const all = { max_new_tokens: 12 }
    const whole = await continued(0, all)
    const { ids, tokensRun } = await continued(PROMPT.length, all)
    expect(ids).toEqual(whole.ids)
    expect(whole.tokensRun - tokensRun).toBe(PROMPT.length - 1)
  })
})
