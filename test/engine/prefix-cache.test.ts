import { describe, expect, test } from 'vitest'
import { Engine, type EngineOptions } from '../../src/engine/engine.js'
import { PrefixCache } from '../../src/engine/prefix-cache.js'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import { mergingModel } from '../../src/model/branches.js'
import { createRandom } from '../../src/random.js'
import { stubModel } from '../generation/stub-model.js'
import { ToyModel } from '../strategies/toy-model.js'

const PROMPT = [3, 1, 4, 1, 5]
const MORE = [9, 2, 6]

/** The toy's requests one after the other; gives the tokens that each did not run again. */
function served(options?: EngineOptions, toy = new ToyModel()) {
  const engine = new Engine(stubModel(toy), options)
  const turn = async (prompt: readonly number[], settings: GenerationSettings = { max_new_tokens: 3 }) => {
    const before = toy.tokensRun
    const submission = engine.submit({ prompt, settings })
    const result = await submission.result()
    return { ids: result.ids, reused: submission.cachedTokens, run: toy.tokensRun - before }
  }
  return { toy, engine, turn }
}

/** Generates for a prompt, and then for a longer one that begins with it and what was generated. */
async function twoTurns(settings: GenerationSettings) {
  const { toy, engine, turn } = served()
  const all = { max_new_tokens: 10, seed: 3, ...settings }
  const first = await turn(PROMPT, all)
  const prompt = [...PROMPT, ...first.ids, ...MORE]
  const { ids, reused, run } = await turn(prompt, all)
  engine.forget()
  expect(toy.caches.size).toBe(0)
  const fresh = new ToyModel()
  expect(ids).toEqual((await generate(stubModel(fresh), prompt, all).result()).ids)
  return { reused, saved: fresh.tokensRun - run, known: prompt.length - MORE.length }
}

/** Random tokens of the toy's. */
function tokensOf(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => Math.floor(13 * random()))
}

describe('the prefix cache', () => {
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

  test('keeps the caches of a draft model as well', async () => {
    const drafting = (drafts: ToyModel) => {
      const { tokenizer } = stubModel(drafts)
      const engine = new Engine(stubModel(new ToyModel()))
      const options = { assistant: { path: 'draft', tokenizer, model: drafts } }
      return (prompt: readonly number[], settings: GenerationSettings) =>
        engine.submit({ prompt, settings, options })
    }
    const drafts = new ToyModel()
    const submit = drafting(drafts)
    const first = await submit(PROMPT, { max_new_tokens: 10 }).result()
    const prompt = [...PROMPT, ...first.ids, ...MORE]
    const before = drafts.tokensRun
    const second = submit(prompt, { max_new_tokens: 4 })
    const { ids } = await second.result()
    const run = drafts.tokensRun - before
    // Of the answer the target lacks the token that was chosen last, and the draft those after its last draft.
    expect(second.cachedTokens).toBeGreaterThanOrEqual(PROMPT.length + 9)
    expect(run).toBeLessThan(MORE.length + 10)
    const unknown = new ToyModel()
    const fresh = await drafting(unknown)(prompt, { max_new_tokens: 4 }).result()
    expect(unknown.tokensRun - run).toBeGreaterThanOrEqual(PROMPT.length + 7)
    expect(ids).toEqual(fresh.ids)
  })

  test('keeps what two prompts have in common, and forgets a rest that is not worth a cache', async () => {
    const { turn } = served()
    expect((await turn([1, 2, 3, 4, 5])).reused).toBe(0)
    expect((await turn([1, 2, 3, 7, 8, 9])).reused).toBe(3)
    expect((await turn([1, 2, 3, 4, 5])).reused).toBe(3)
    expect((await turn([6, 2, 3])).reused).toBe(0)
    expect((await turn([6, 2, 3])).reused).toBe(2)
  })

  test('finds the beginning of a prompt along a path of its tree', async () => {
    const toy = new ToyModel()
    const prefixes = new PrefixCache(mergingModel(toy), 100)
    const view = prefixes.view(prefixes.model)
    const cache = prefixes.open()
    // 1 2 and 1 5 7 8, in a tree whose first slot is no beginning.
    await view.forward(cache, [9, 1, 2, 5, 7, 8], [-1, -1, 1, 1, 3, 4])
    cache.dispose()
    const resumed = prefixes.open([1, 5, 7, 6, 3])
    expect(resumed.untouched).toBe(3)
    const output = await view.forward(resumed, [6], [2])
    expect(output.logits(0)).toEqual(toy.logits([1, 5, 7, 6]))
  })

  test('gives another cache to who asks while the first is in use', async () => {
    const prefixes = new PrefixCache(mergingModel(new ToyModel()), 100)
    const [first, second] = [prefixes.open(), prefixes.open()]
    await prefixes.view(prefixes.model).forward(first, [1], [-1])
    expect(second.length).toBe(0)
    second.dispose()
    expect(prefixes.open([1, 2]).length).toBe(0)
    first.dispose()
    expect(prefixes.open([1, 2]).length).toBe(1)
  })

  test('forks a cache in use, and one of which much else would be lost', async () => {
    const random = createRandom(1)
    const [system, question, other] = [20, 30, 5].map((count) => tokensOf(count, random))
    const { turn, engine, toy } = served()
    const first = engine.submit({ prompt: [...system, ...question], settings: { max_new_tokens: 5 } })
    for await (const _ of first) break
    const under = engine.submit({ prompt: [...system, ...question], settings: { max_new_tokens: 5 } })
    for await (const _ of under) {
      const before = toy.tokensRun
      await turn([...system, 1, ...other], { max_new_tokens: 1 })
      expect(toy.tokensRun - before).toBeLessThan(12)
      break
    }
    expect((await turn([...system, 2, ...other])).reused).toBeGreaterThanOrEqual(20)
    // The longer one is still there.
    expect((await turn([...system, ...question])).reused).toBe(49)
  })

  test('is as small as it is told to be, and forgets what was used least recently', async () => {
    const random = createRandom(2)
    const prompts = [40, 40, 40].map((count) => tokensOf(count, random))
    const { turn, engine } = served({ prefixCacheTokens: 90 })
    for (const prompt of prompts) {
      await turn(prompt)
      expect(engine.cachedTokens).toBeLessThanOrEqual(90)
    }
    expect((await turn(prompts[1])).reused).toBe(39)
    expect((await turn(prompts[2])).reused).toBe(39)
    expect((await turn(prompts[0])).reused).toBe(0)
    // Which took the place of the second one.
    expect((await turn(prompts[2])).reused).toBe(39)
    expect((await turn(prompts[1])).reused).toBe(0)
    const none = served({ prefixCacheTokens: 0 })
    await none.turn(prompts[0])
    expect(none.engine.cachedTokens).toBe(0)
    expect((await none.turn(prompts[0])).reused).toBe(0)
  })
})

describe('texts of prompts that begin alike', () => {
  const STRATEGIES: readonly GenerationSettings[] = [
    {},
    { do_sample: true, temperature: 1.5 },
    { do_sample: true, num_return_sequences: 2 },
    { num_beams: 2 },
    { prompt_lookup_num_tokens: 2 },
    { guidance_scale: 1.5 },
  ]
  /** Each begins with a part of an earlier one, or of what came after it. */
  const requests = (seed: number) => {
    const random = createRandom(seed)
    const prompts: number[][] = []
    return Array.from({ length: 24 }, (_, i) => {
      const earlier = prompts[Math.floor(random() * prompts.length)] ?? []
      const begun = earlier.slice(0, Math.floor(random() * (earlier.length + 1)))
      const prompt = [...begun, ...tokensOf(1 + Math.floor(40 * random()), random)]
      prompts.push(prompt)
      return { prompt, settings: { max_new_tokens: 6, seed: i, ...STRATEGIES[i % STRATEGIES.length] } }
    })
  }

  test.each([1, 2, 3, 4])('are those without a cache: seed %i', async (seed) => {
    const all = requests(seed)
    const fresh = new ToyModel()
    const expected = []
    for (const { prompt, settings } of all) {
      expected.push((await generate(stubModel(fresh), prompt, settings).result()).sequences)
    }
    for (const options of [
      { maxBatch: 1 },
      { maxBatch: 5 },
      { prefixCacheTokens: 40 },
      { prefixCacheTokens: 0 },
    ]) {
      const { toy, engine } = served(options)
      const submissions = all.map((request) => engine.submit(request))
      for (const [i, submission] of submissions.entries()) {
        expect((await submission.result()).sequences).toEqual(expected[i])
      }
      expect(toy.tokensRun).toBeLessThan(fresh.tokensRun)
      await engine.close()
      expect(toy.caches.size).toBe(0)
    }
  })

  test.each([1, 2])('cost the tokens that were not cached: seed %i', async (seed) => {
    const { turn } = served()
    let reused = 0
    for (const { prompt, settings } of requests(seed)) {
      const fresh = new ToyModel()
      await generate(stubModel(fresh), prompt, settings).result()
      const cost = await turn(prompt, settings)
      expect(cost.run + cost.reused).toBe(fresh.tokensRun)
      reused += cost.reused
    }
    expect(reused).toBeGreaterThan(100)
  })
})

test.each([2, 8])('samples of one prompt run it once, %i at a time', async (maxBatch) => {
  const random = createRandom(3)
  const prompt = tokensOf(100, random)
  const { toy, engine } = served({ maxBatch })
  const settings = (seed: number) => ({ do_sample: true, temperature: 2, max_new_tokens: 5, seed })
  const submissions = Array.from({ length: 8 }, (_, seed) =>
    engine.submit({ prompt, settings: settings(seed) }),
  )
  const texts = await Promise.all(submissions.map(async (each) => (await each.result()).text))
  expect(new Set(texts).size).toBeGreaterThan(4)
  // The last token of the prompt, and all but the last of each text.
  expect(toy.tokensRun).toBe(99 + 8 * 5)
  for (const [seed, text] of texts.entries()) {
    expect(text).toBe((await generate(stubModel(new ToyModel()), prompt, settings(seed)).result()).text)
  }
})
