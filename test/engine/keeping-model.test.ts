import { describe, expect, test } from 'vitest'
import { KeepingModel } from '../../src/engine/keeping-model.js'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import { stubModel } from '../generation/stub-model.js'
import { ToyModel } from '../strategies/toy-model.js'

const PROMPT = [3, 1, 4, 1, 5]
const MORE = [9, 2, 6]

/** Generates for a prompt, and then for a longer one that begins with it and what was generated. */
async function twoTurns(settings: GenerationSettings) {
  const toy = new ToyModel()
  const keeping = new KeepingModel(toy)
  const all = { max_new_tokens: 10, seed: 3, ...settings }
  const first = await generate(stubModel(keeping), PROMPT, all).result()
  const prompt = [...PROMPT, ...first.ids, ...MORE]
  const before = toy.tokensRun
  const second = await generate(stubModel(keeping), prompt, all).result()
  const run = toy.tokensRun - before
  const { reused } = keeping
  keeping.forget()
  expect(toy.caches.size).toBe(0)
  const fresh = new ToyModel()
  const { ids } = await generate(stubModel(fresh), prompt, all).result()
  expect(second.ids).toEqual(ids)
  return { reused, saved: fresh.tokensRun - run, known: prompt.length - MORE.length }
}

describe('KeepingModel', () => {
  test.each<[name: string, settings: GenerationSettings]>([
    ['greedy decoding', {}],
    ['sampling', { do_sample: true }],
    ['prompt lookup', { prompt_lookup_num_tokens: 3 }],
    ['guidance', { guidance_scale: 2 }],
    ['guidance and drafts', { guidance_scale: 2, prompt_lookup_num_tokens: 3 }],
    ['beam search', { num_beams: 3 }],
    ['beam sample', { num_beams: 3, do_sample: true }],
  ])('runs the new tokens only, after %s', async (_, settings) => {
    const { reused, saved, known } = await twoTurns(settings)
    // The last token of an answer was chosen, but not run.
    expect(reused).toBe(known - 1)
    expect(saved).toBe(known - 1)
  })

  test('tells that contrastive search reads the whole prompt', async () => {
    expect(await twoTurns({ penalty_alpha: 0.6, top_k: 3 })).toMatchObject({ reused: 0, saved: 0 })
  })

  test('keeps the cache of a draft model as well', async () => {
    const drafts = new ToyModel()
    const keeping = { target: new KeepingModel(new ToyModel()), draft: new KeepingModel(drafts) }
    const { tokenizer } = stubModel(drafts)
    const assistant = { path: 'draft', tokenizer, model: keeping.draft }
    const turn = (prompt: number[], settings = {}) =>
      generate(stubModel(keeping.target), prompt, { max_new_tokens: 10, ...settings }, { assistant }).result()
    const first = await turn(PROMPT)
    const prompt = [...PROMPT, ...first.ids, ...MORE]
    const before = drafts.tokensRun
    const second = await turn(prompt, { max_new_tokens: 4 })
    // Of the answer the target lacks the token that was chosen last, and the draft those after its last draft.
    expect(keeping.target.reused).toBeGreaterThanOrEqual(PROMPT.length + 9)
    expect(keeping.draft.reused).toBeGreaterThanOrEqual(PROMPT.length + 7)
    expect(drafts.tokensRun - before).toBeLessThan(MORE.length + 10)
    const fresh = await generate(stubModel(new ToyModel()), prompt, { max_new_tokens: 4 }).result()
    expect(second.ids).toEqual(fresh.ids)
  })

  test('keeps what two prompts have in common, and forgets the rest', async () => {
    const keeping = new KeepingModel(new ToyModel())
    const turn = (prompt: number[]) => generate(stubModel(keeping), prompt, { max_new_tokens: 3 }).result()
    await turn([1, 2, 3, 4, 5])
    expect(keeping.reused).toBe(0)
    await turn([1, 2, 3, 7, 8, 9])
    expect(keeping.reused).toBe(3)
    await turn([1, 2, 3, 4, 5])
    expect(keeping.reused).toBe(3)
    await turn([6, 2, 3])
    expect(keeping.reused).toBe(0)
    await turn([6, 2, 3])
    expect(keeping.reused).toBe(2)
  })

  test('finds the beginning of a prompt along a path of its tree', async () => {
    const toy = new ToyModel()
    const keeping = new KeepingModel(toy)
    const cache = keeping.newCache()
    // 1 2 and 1 5 7 8, in a tree whose first slot is no beginning.
    await keeping.forward(cache, [9, 1, 2, 5, 7, 8], [-1, -1, 1, 1, 3, 4])
    cache.dispose()
    const resumed = keeping.newCache([1, 5, 7, 6, 3])
    expect(keeping.reused).toBe(3)
    const output = await keeping.forward(resumed, [6], [2])
    expect(output.logits(0)).toEqual(toy.logits([1, 5, 7, 6]))
  })

  test('gives another cache to who asks while the first is in use', async () => {
    const toy = new ToyModel()
    const keeping = new KeepingModel(toy)
    const [first, second] = [keeping.newCache(), keeping.newCache()]
    await keeping.forward(first, [1], [-1])
    expect(second.length).toBe(0)
    second.dispose()
    expect(toy.caches.size).toBe(1)
    first.dispose()
    expect(keeping.newCache([1, 2]).length).toBe(1)
  })
})
