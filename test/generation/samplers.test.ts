import { describe, expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { typicalAcceptance } from '../../src/strategies/verifiers.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { run } from './toy-generation.js'

const PROMPT = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]
const COMMON = { seed: 5, max_new_tokens: 40 }
const assistant = () => ({ ...stubModel(new ToyModel()), path: 'the draft' })

const greedy: [string, Record<string, unknown>][] = [
  ['presence and frequency', { presence_penalty: 1.5, frequency_penalty: 0.5 }],
  ['a window', { repetition_penalty: 1.8, repeat_last_n: 6 }],
  ['a bias', { logit_bias: { 3: 2, 4: false } }],
  ['allowed tokens', { allowed_token_ids: [1, 2, 3, 5, 8] }],
  ['DRY', { dry_multiplier: 3, dry_allowed_length: 1, dry_sequence_breakers: [] }],
  ['DRY with breakers', { dry_multiplier: 3, dry_allowed_length: 1, dry_sequence_breakers: ['7', '2 3'] }],
]
const sampled: [string, Record<string, unknown>][] = [
  ...greedy.map(([name, settings]): [string, Record<string, unknown>] => [
    `${name}, drawn`,
    { do_sample: true, ...settings },
  ]),
  ['top-nσ', { do_sample: true, top_n_sigma: 0.8 }],
  ['a dynamic temperature', { do_sample: true, dynatemp_range: 0.9, dynatemp_exponent: 2 }],
  ['Mirostat', { do_sample: true, mirostat: 2, mirostat_tau: 2, mirostat_eta: 0.3 }],
]

const textOf = async (settings: Record<string, unknown>, options: GenerateOptions = {}) => {
  const { sequences, statistics } = await run({ ...COMMON, ...settings }, options, PROMPT)
  return { ids: sequences.map(({ ids }) => ids.join()), accepted: statistics.accepted_tokens }
}

describe.each([...greedy, ...sampled])('%s', (_, settings) => {
  test('changes the text, and drafts do not', async () => {
    const plain = await textOf(settings)
    const { do_sample } = settings
    expect(plain.ids).not.toEqual((await textOf({ do_sample })).ids)
    expect((await textOf({ ...settings, prompt_lookup_num_tokens: 5 })).ids).toEqual(plain.ids)
    // A draft that runs the same processors.
    for (const treeNodes of [1, 9, 40]) {
      const drafted = await textOf(
        { ...settings, num_assistant_tokens: 4 },
        { assistant: { ...assistant(), treeNodes } },
      )
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.accepted).toBeGreaterThan(0)
    }
  })

  test('is the same among others in a batch', async () => {
    const alone = await textOf(settings)
    const engine = new Engine(stubModel(new ToyModel()), { maxBatch: 8 })
    try {
      const others = [...greedy, ...sampled].map(([, own]) => own)
      const submissions = [settings, ...others, settings].map((own) =>
        engine.submit({ prompt: PROMPT, settings: { ...COMMON, ...own } }),
      )
      const results = await Promise.all(submissions.map((submission) => submission.result()))
      for (const result of [results[0], results.at(-1)!]) expect(result.ids.join()).toBe(alone.ids[0])
    } finally {
      await engine.close()
    }
  })

  test('goes with guidance', async () => {
    const guided = { ...settings, guidance_scale: 1.5 }
    const plain = await textOf(guided)
    expect((await textOf({ ...guided, prompt_lookup_num_tokens: 5 })).ids).toEqual(plain.ids)
  })
})

test.each(greedy)('%s goes with beams', async (_, settings) => {
  const beams = { num_beams: 3, num_return_sequences: 2, top_k: 50 }
  const [with_, without] = [await textOf({ ...beams, ...settings }), await textOf(beams)]
  expect(with_.ids).not.toEqual(without.ids)
})

test('top-nσ and a dynamic temperature go with drawn beams', async () => {
  const beams = { num_beams: 3, do_sample: true }
  const plain = await textOf(beams)
  expect((await textOf({ ...beams, top_n_sigma: 0.3 })).ids).not.toEqual(plain.ids)
  expect((await textOf({ ...beams, dynatemp_range: 1 })).ids).not.toEqual(plain.ids)
})

test.each(sampled)('%s goes with drafts that are drawn, and with typical acceptance', async (_, settings) => {
  const drawn = await textOf({ ...settings, num_assistant_tokens: 4 }, { assistant: assistant() })
  expect(drawn.accepted).toBeGreaterThan(0)
  const { createDrafter } = await import('../strategies/toy-drafters.js').then(({ toyDrafters }) => ({
    createDrafter: () => Object.values(toyDrafters)[0](PROMPT),
  }))
  const typical = await textOf(settings, { createDrafter, verifier: typicalAcceptance() })
  expect(typical.ids[0].split(',')).toHaveLength(40)
})

test('Mirostat goes on from each of several sequences', async () => {
  const settings = { do_sample: true, mirostat: 2, mirostat_tau: 2, num_return_sequences: 3 }
  const plain = await textOf(settings)
  expect(new Set(plain.ids).size).toBe(3)
  expect((await textOf({ ...settings, prompt_lookup_num_tokens: 4 })).ids).toEqual(plain.ids)
})

test('Mirostat is refused with beams, and where it would have no effect', async () => {
  await expect(textOf({ do_sample: true, mirostat: 2, num_beams: 2 })).rejects.toThrow(
    /mirostat is 2 while num_beams is 2, but Mirostat follows one text/,
  )
})
