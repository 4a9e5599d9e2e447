import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

let one: LanguageModel
let many: LanguageModel
beforeAll(async () => {
  const options = { dtype: 'fp32', device: 'cpu', threads: 1 } as const
  one = await loadModel('built-in', options)
  many = await loadModel('built-in', { ...options, manySequences: true })
})
afterAll(() => Promise.all([one.dispose(), many.dispose()]))

test.each([
  ['several sequences', { do_sample: true, num_return_sequences: 5, seed: 3 }],
  ['guidance', { do_sample: false, guidance_scale: 1.5 }],
  ['guided sequences', { do_sample: true, num_return_sequences: 2, guidance_scale: 1.3, seed: 4 }],
  ['beams', { do_sample: false, num_beams: 4, num_return_sequences: 3 }],
  ['prompt lookup', { do_sample: false, prompt_lookup_num_tokens: 4 }],
])('a model for many sequences writes the same text: %s', async (_, settings) => {
  const prompt = 'Once upon a time there was a little dog. The little dog'
  const texts = await Promise.all(
    [one, many].map(async (model) => {
      const { sequences } = await generate(model, prompt, { ...settings, max_new_tokens: 40 }).result()
      return sequences.map(({ text }) => text)
    }),
  )
  expect(texts[1]).toEqual(texts[0])
  expect(texts[0][0].length).toBeGreaterThan(20)
})

test('and keeps no pages of what has ended', async () => {
  const { pool } = many.model as unknown as { pool: { owners: unknown[] } }
  expect(pool.owners.length).toBe(0)
})
