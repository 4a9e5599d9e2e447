import { describe, expect, test } from 'vitest'
import type { GenerationSettings } from '../../src/generation/generate.js'
import { run, spell, start } from './toy-generation.js'

const SAMPLED = { do_sample: true, seed: 3, max_new_tokens: 8, top_k: 0 } satisfies GenerationSettings

describe('best_of', () => {
  test('is the sample of the highest mean log-probability, of those that num_return_sequences gives', async () => {
    const all = await run({ ...SAMPLED, num_return_sequences: 6 }, { logprobs: 0 })
    const means = all.sequences.map(
      ({ logprobs = [] }) => logprobs.reduce((sum, { logprob }) => sum + logprob, 0) / logprobs.length,
    )
    const best = await run({ ...SAMPLED, best_of: 6 })
    expect(best.chosen).toBe(means.indexOf(Math.max(...means)))
    expect(best.samples!.map(({ ids }) => ids)).toEqual(all.sequences.map(({ ids }) => ids))
    for (const [i, { score }] of best.samples!.entries()) expect(score).toBeCloseTo(means[i], 6)
    expect(best.sequences).toHaveLength(1)
    expect(best.ids).toEqual(all.sequences[best.chosen!].ids)
    expect(best).not.toHaveProperty('logprobs')
    expect(best).not.toHaveProperty('score')
    expect(best.statistics.generated_tokens).toBe(48)
    expect(best.config.num_return_sequences).toBe(1)
  })

  test('is no choice where it is 1, whatever else is asked for', async () => {
    for (const settings of [{ max_new_tokens: 5 }, { num_beams: 3, num_return_sequences: 2 }]) {
      const plain = await run(settings)
      const one = await run({ ...settings, best_of: 1 })
      expect(one.sequences).toEqual(plain.sequences)
      expect(one).not.toHaveProperty('chosen')
    }
  })

  test('is the same with drafts, and with log-probabilities', async () => {
    const plain = await run({ ...SAMPLED, best_of: 4 })
    const drafted = await run({ ...SAMPLED, best_of: 4, prompt_lookup_num_tokens: 3 }, { logprobs: 1 })
    expect(drafted.ids).toEqual(plain.ids)
    expect(drafted.chosen).toBe(plain.chosen)
    expect(drafted.logprobs).toHaveLength(8)
  })

  test('says nothing before one is chosen, and then all of it', async () => {
    const { generation } = start({ ...SAMPLED, best_of: 4 })
    const chunks = []
    for await (const chunk of generation) chunks.push(chunk)
    const { text, ids } = await generation.result()
    expect(chunks).toEqual([{ sequence: 0, text, ids, drafted: 0 }])
    expect(text).toBe(spell(ids))
  })

  test('is chosen by a scorer; of equals the first', async () => {
    const seen: string[] = []
    const last = await run(
      { ...SAMPLED, best_of: 4 },
      { scoreSample: (text) => (seen.push(text) > 3 ? 2 : 1) },
    )
    expect(last.chosen).toBe(3)
    expect(seen).toEqual(last.samples!.map(({ text }) => text))
    const first = await run({ ...SAMPLED, best_of: 4 }, { scoreSample: async () => 7 })
    expect(first.chosen).toBe(0)
    expect(first.samples!.map(({ score }) => score)).toEqual([7, 7, 7, 7])
  })

  test('is chosen by the majority of answers, and by mean utility', async () => {
    const { samples, chosen } = await run({
      ...SAMPLED,
      best_of: 8,
      select_by: 'majority',
      answer_pattern: '^(\\d)',
    })
    const firsts = samples!.map(({ ids }) => String(ids[0])[0])
    const count = (answer: string) => firsts.filter((each) => each === answer).length
    expect(samples!.map(({ answer }) => answer)).toEqual(firsts)
    expect(samples!.map(({ score }) => score)).toEqual(firsts.map(count))
    expect(chosen).toBe(firsts.findIndex((answer) => count(answer) === Math.max(...firsts.map(count))))
    const mbr = await run({ ...SAMPLED, best_of: 5, select_by: 'mbr', mbr_utility: 'f1' })
    for (const { score } of mbr.samples!) expect(score).toBeGreaterThan(0)
  })

  test.each<[GenerationSettings, RegExp]>([
    [{ best_of: 4 }, /best_of is 4 while do_sample is false/],
    [{ best_of: 0 }, /best_of .* give 1 or more/],
    [{ ...SAMPLED, best_of: 4, num_beams: 2 }, /best_of is 4 while num_beams is 2/],
    [{ ...SAMPLED, best_of: 4, num_return_sequences: 2 }, /best_of is 4 while num_return_sequences is 2/],
    [{ best_of: 4, penalty_alpha: 0.6, top_k: 4 }, /best_of|penalty_alpha/],
    [{ ...SAMPLED, best_of: 4, answer_pattern: '(' }, /answer_pattern .* give a regular expression/],
  ])('%j is refused', async (settings, message) => {
    await expect(run(settings)).rejects.toThrow(message)
  })

  test('does not go with two choices, nor a scorer without samples', async () => {
    const scoreSample = () => 1
    await expect(run({ ...SAMPLED, best_of: 4, select_by: 'mbr' }, { scoreSample })).rejects.toThrow(
      /a scorer chooses/,
    )
    await expect(run(SAMPLED, { scoreSample })).rejects.toThrow(/set best_of/)
  })
})
