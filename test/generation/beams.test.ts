import { describe, expect, test } from 'vitest'
import { computeTransitionScores } from '../../src/generation/transition-scores.js'
import { PROMPT, run, spell, start } from './toy-generation.js'

const DETAILS = { return_dict_in_generate: true, output_scores: true }

describe('beams', () => {
  test.each([
    [{ num_beams: 3 }],
    [{ num_beams: 4, length_penalty: 0 }],
    [{ num_beams: 4, length_penalty: 2, eos_token_id: [5, 7] }],
    [{ num_beams: 4, length_penalty: -1, eos_token_id: 7, repetition_penalty: 1.3 }],
    [{ num_beams: 4, do_sample: true, seed: 3, temperature: 1.5 }],
    [{ num_beams: 6, num_beam_groups: 3, diversity_penalty: 0.8 }],
    [{ num_beams: 5, force_words_ids: [[11, 2]], eos_token_id: 7 }],
    [{ num_beams: 3, guidance_scale: 1.6 }],
    // So many that dead branches are compacted away, on both sides.
    [{ num_beams: 4, guidance_scale: 1.6, max_new_tokens: 90 }],
  ])("have scores that are their tokens' (HF's identity): %j", async (settings) => {
    const { sequences, config } = await run({
      max_new_tokens: 14,
      num_return_sequences: 3,
      ...DETAILS,
      ...settings,
    })
    expect(sequences).toHaveLength(3)
    for (const { ids, scores, transition_scores, sequence_score, beam_indices } of sequences) {
      const sum = transition_scores!.reduce((a, b) => a + b, 0)
      expect(sum / ids.length ** config.length_penalty).toBeCloseTo(sequence_score!, 4)
      expect(computeTransitionScores(ids, scores!)).toEqual(transition_scores)
      expect(beam_indices).toHaveLength(ids.length)
    }
    // Those that lack a word come last, whatever their score.
    if (config.force_words_ids) return
    const order = sequences.map((sequence) => sequence.sequence_score!)
    expect(order).toEqual([...order].sort((a, b) => b - a))
  })

  test('stream what they have in common, and the chunks are the texts', async () => {
    const { generation, toy } = start({ num_beams: 4, num_return_sequences: 2, max_new_tokens: 60 })
    const texts = ['', '']
    const ids: number[][] = [[], []]
    let early = 0
    let chunks = 0
    for await (const chunk of generation) {
      texts[chunk.sequence] += chunk.text
      ids[chunk.sequence].push(...chunk.ids)
      chunks++
      if (chunks === 100) early = texts[0].length
    }
    const { sequences, statistics } = await generation.result()
    expect(texts).toEqual(sequences.map(({ text }) => text))
    expect(ids).toEqual(sequences.map((sequence) => sequence.ids))
    expect(sequences.map((sequence) => spell(sequence.ids))).toEqual(texts)
    expect(early).toBeGreaterThan(0)
    expect(statistics).toMatchObject({ generated_tokens: 120, steps: 60 })
    expect(toy.caches.size).toBe(0)
  })

  test('are shown as they go on', async () => {
    const seen: { texts: string[]; scores: number[]; finished: boolean[] }[] = []
    const { text } = await run(
      { num_beams: 3, max_new_tokens: 8, eos_token_id: 7 },
      {
        onBeams: (beams) =>
          seen.push({
            texts: beams.map((beam) => beam.text()),
            scores: beams.map(({ score }) => score),
            finished: beams.map(({ finished }) => finished),
          }),
      },
    )
    expect(seen[1].texts.map((beam) => beam.split(' ').length)).toEqual(expect.arrayContaining([3]))
    expect(seen.at(-1)!.texts).toContain(text)
    expect(seen.at(-1)!.finished).toContain(true)
    for (const { scores } of seen) expect(scores.every((score) => score <= 0)).toBe(true)
  })

  test('that are interrupted give the best so far', async () => {
    const controller = new AbortController()
    let steps = 0
    const { sequences } = await run(
      { num_beams: 3, num_return_sequences: 2, max_new_tokens: 500 },
      { signal: controller.signal, onBeams: () => ++steps === 10 && controller.abort() },
    )
    expect(sequences.map(({ finish_reason }) => finish_reason)).toEqual(['interrupted', 'interrupted'])
    expect(sequences[0].ids).toHaveLength(11)
    expect(sequences[0].ids).not.toEqual(sequences[1].ids)
  })

  test('give back their cache where the reader leaves', async () => {
    const { generation, toy } = start({ num_beams: 3, max_new_tokens: 500 })
    for await (const _ of generation) break
    expect(toy.caches.size).toBe(0)
  })

  test('stop at a stop string, which the text leaves out', async () => {
    const { ids } = await run({ num_beams: 3, max_new_tokens: 6 })
    const stop = spell(ids.slice(3, 5))
    const { sequences } = await run({
      num_beams: 3,
      max_new_tokens: 6,
      stop_strings: stop,
      num_return_sequences: 3,
    })
    const stopped = sequences.filter(({ finish_reason }) => finish_reason === 'stop')
    expect(stopped.length).toBeGreaterThan(0)
    for (const { text } of stopped) expect(text).not.toContain(stop)
  })

  test('carry hidden states, logits and log-probabilities of their own path', async () => {
    const { sequences } = await run(
      {
        num_beams: 3,
        max_new_tokens: 5,
        num_return_sequences: 3,
        ...DETAILS,
        output_logits: true,
        output_hidden_states: true,
      },
      { logprobs: 2 },
    )
    const { toy } = start({})
    for (const { ids, logits, hidden_states, logprobs } of sequences) {
      const text = [...PROMPT]
      for (const [i, id] of ids.entries()) {
        expect(logits![i]).toEqual(toy.logits(text))
        expect(hidden_states![i]).toEqual(toy.hidden(text))
        expect(logprobs![i].id).toBe(id)
        text.push(id)
      }
    }
  })
})

describe('a strategy of your own', () => {
  test('takes the place of greedy decoding, and of no other mode', async () => {
    const { ids } = await run(
      { max_new_tokens: 3 },
      {
        async *strategy({ prompt, limit }) {
          const nothing = new Float32Array(13)
          for (let n = prompt.length; n < limit; n++) {
            yield {
              choices: [{ token: n % 13, logits: nothing, scores: nothing, hidden: nothing }],
              drafted: 0,
              accepted: 0,
            }
          }
        },
      },
    )
    expect(ids).toEqual([3, 4, 5])
    const strategy = async function* () {}
    await expect(run({ num_beams: 2 }, { strategy })).rejects.toThrow(
      'The settings ask for beam_search, which a strategy of your own cannot serve: leave one out.',
    )
    await expect(
      run({ penalty_alpha: 0.5 }, { createDrafter: () => ({ draft: () => ({ tokens: [], parents: [] }) }) }),
    ).rejects.toThrow('contrastive_search, which a drafter of your own')
  })

  test('may be a drafter, which changes the steps and not the text', async () => {
    const plain = await run({ max_new_tokens: 12 })
    const text = [...PROMPT, ...plain.ids]
    const { ids, statistics } = await run(
      { max_new_tokens: 12 },
      {
        createDrafter: () => ({
          draft: ({ length }, _, limit) => {
            const tokens = text.slice(length, length + Math.min(3, limit))
            return { tokens, parents: tokens.map((_, i) => i - 1) }
          },
        }),
      },
    )
    expect(ids).toEqual(plain.ids)
    expect(statistics.steps).toBeLessThan(plain.statistics.steps)
    expect(statistics.accepted_tokens).toBeGreaterThan(6)
  })
})
