import { describe, expect, test } from 'vitest'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import { healPrompt } from '../../src/generation/token-healing.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel, stubTokenizer } from './stub-model.js'

/** By id. 7 is cut inside a character. */
const SPELLINGS = ['http', ':', '://', '://www', ' ', ' a', ' an', '\uFFFD', ':\n', 'b', 'c', 'd', 'e']

const tokenizer = {
  ...stubTokenizer(SPELLINGS.length),
  idToToken: (id: number) => SPELLINGS[id],
  decode: (ids: readonly number[]) => ids.map((id) => SPELLINGS[id]).join(''),
  specialIds: new Set([8]),
}

function run(prompt: readonly number[], settings: GenerationSettings = {}) {
  const model = { ...stubModel(new ToyModel()), tokenizer }
  return generate(model, prompt, { token_healing: true, max_new_tokens: 5, ...settings }).result()
}

/** The best of `allowed` after `prompt`, which favours `own` by 1 as HF does. */
function bestOf(prompt: readonly number[], allowed: readonly number[], own: number): number {
  const logits = new ToyModel().logits(prompt)
  const score = (id: number) => logits[id] + (id === own ? 1 : 0)
  return allowed.reduce((a, b) => (score(b) > score(a) ? b : a))
}

describe('token healing', () => {
  test.each([
    [
      [0, 1],
      [1, 2, 3],
    ],
    [
      [9, 0, 1],
      [1, 2, 3],
    ],
    [
      [3, 11, 1],
      [1, 2, 3],
    ],
    [
      [0, 4],
      [4, 5, 6],
    ],
    [
      [12, 5],
      [5, 6],
    ],
  ])('of %j begins with one of %j', async (prompt, allowed) => {
    const { ids, text } = await run(prompt)
    const own = prompt.at(-1)!
    expect(ids[0]).toBe(bestOf(prompt.slice(0, -1), allowed, own))
    // The prompt's last token is one of the five no more, but the text goes on after it.
    expect(ids).toHaveLength(6)
    expect(SPELLINGS[own] + text).toBe(ids.map((id) => SPELLINGS[id]).join(''))
  })

  test('is the same text for beams and samples as for what they say', async () => {
    for (const settings of [
      { num_beams: 3, num_return_sequences: 3 },
      { do_sample: true, num_return_sequences: 3, seed: 1 },
    ]) {
      for (const { ids, text } of (await run([9, 0, 1], settings)).sequences) {
        expect([1, 2, 3]).toContain(ids[0])
        const plain = ids.filter((id) => !tokenizer.specialIds.has(id))
        expect(`:${text}`).toBe(plain.map((id) => SPELLINGS[id]).join(''))
      }
    }
  })

  test.each([
    ['one token', [1]],
    ['a token that no other begins with', [0, 3]],
    ['half a character', [0, 7]],
    ['a special token', [0, 8]],
  ])('leaves a prompt that ends with %s alone', (_, prompt) => {
    expect(healPrompt(prompt, tokenizer, SPELLINGS.length)).toEqual({
      ids: prompt,
      overlap: 0,
      processors: [],
    })
  })
})
