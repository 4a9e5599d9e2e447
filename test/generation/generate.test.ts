import { describe, expect, test, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import { type GenerationSettings, generate, type Prompt } from '../../src/generation/generate.js'
import type { GenerateOptions, GenerationChunk } from '../../src/generation/options.js'
import { forkSeed } from '../../src/random.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { greedy, PROMPT, run, spell, start } from './toy-generation.js'

/** Fails after some forward passes. */
class BrokenModel extends ToyModel {
  constructor(private readonly good: number) {
    super()
  }

  override forward(...args: Parameters<ToyModel['forward']>) {
    return this.forwards === this.good ? Promise.reject(new Error('broken')) : super.forward(...args)
  }
}

test('greedy decoding takes the best token each time', async () => {
  const ids = greedy(20)
  expect(new Set(ids).size).toBeGreaterThan(5)
  const result = await run({ max_new_tokens: 20 })
  expect(result).toMatchObject({
    ids,
    text: spell(ids),
    tokens: ids.map((id) => `${id} `),
    finish_reason: 'length',
    statistics: { prompt_tokens: 3, generated_tokens: 20, steps: 20, drafted_tokens: 0, accepted_tokens: 0 },
  })
  expect(result.sequences).toHaveLength(1)
  expect(await run({})).toMatchObject({ ids })
})

describe('a generation', () => {
  const ids = greedy(8)

  test('streams its text and ids; the result is the same afterwards', async () => {
    const { generation } = start({ max_new_tokens: 8 })
    const chunks: GenerationChunk[] = []
    for await (const chunk of generation) chunks.push(chunk)
    expect(chunks.map((chunk) => chunk.ids)).toEqual(ids.map((id) => [id]))
    const result = await generation.result()
    expect(result).toMatchObject({ ids, text: chunks.map(({ text }) => text).join('') })
    for await (const _ of generation) expect.unreachable()
    expect(await generation.result()).toEqual(result)
  })

  test('goes on with result() where nobody iterates any more', async () => {
    const { generation } = start({ max_new_tokens: 8 })
    const iterator = generation[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ ids: [ids[0]] })
    expect(await generation.result()).toMatchObject({ ids, finish_reason: 'length' })
    expect((await iterator.next()).done).toBe(true)
  })

  test('ends where the loop over it is left', async () => {
    const { toy, generation } = start({ max_new_tokens: 8 })
    for await (const {
      ids: [id],
    } of generation)
      if (id === ids[1]) break
    expect([toy.forwards, toy.caches.size]).toEqual([2, 0])
    expect(await generation.result()).toMatchObject({ ids: ids.slice(0, 2), finish_reason: 'interrupted' })
    expect(toy.forwards).toBe(2)
  })

  test('does nothing until it is asked for', async () => {
    const { toy } = start({ max_new_tokens: 8 })
    // A generation that begins by itself asks for a cache in this turn or the next.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect([toy.forwards, toy.caches.size]).toEqual([0, 0])
  })

  test.each([{}, { do_sample: true, num_return_sequences: 2 }, { guidance_scale: 2 }])(
    'fails where the model does, each time it is asked, and gives the cache back: %j',
    async (settings) => {
      for (const good of [0, 1, 2]) {
        const toy = new BrokenModel(good)
        const generation = generate(stubModel(toy), PROMPT, settings)
        const consume = async () => {
          for await (const _ of generation);
        }
        await expect(consume()).rejects.toThrow('broken')
        await expect(generation.result()).rejects.toThrow('broken')
        expect([toy.forwards, toy.caches.size]).toEqual([good, 0])
      }
    },
  )
})

describe('sampling', () => {
  const settings = { do_sample: true, top_k: 0, max_new_tokens: 10 }

  test('depends on the seed and nothing else, and the result tells it', async () => {
    const free = await run(settings)
    expect(await run({ ...settings, seed: free.config.seed })).toMatchObject({ ids: free.ids })
    const texts = await Promise.all([1, 2, 3, 4].map((seed) => run({ ...settings, seed })))
    expect(new Set(texts.map(({ text }) => text)).size).toBe(4)
  })

  test.each([
    {},
    { guidance_scale: 1.5 },
    { repetition_penalty: 1.5, no_repeat_ngram_size: 2, eos_token_id: 7 },
  ])('sequence i of several is the one that its seed gives alone: %j', async (more) => {
    const count = 5
    const { toy, generation } = start({ ...settings, ...more, seed: 11, num_return_sequences: count })
    const streamed = Array.from({ length: count }, () => '')
    for await (const { sequence, text } of generation) streamed[sequence] += text
    const { sequences, statistics, ...first } = await generation.result()
    expect(sequences).toHaveLength(count)
    for (const [i, sequence] of sequences.entries()) {
      const { ids, text, finish_reason } = await run({ ...settings, ...more, seed: forkSeed(11, i) })
      expect(sequence).toMatchObject({ ids, text, finish_reason })
      expect(streamed[i]).toBe(text)
    }
    expect(new Set(streamed).size).toBe(count)
    expect(first.ids).toBe(sequences[0].ids)
    // The prompt but its last token, and then a pass for all sequences together.
    const lengths = sequences.map(({ ids }) => ids.length)
    expect(toy.forwards).toBe(1 + Math.max(...lengths))
    expect(statistics.steps).toBe(Math.max(...lengths))
    expect(statistics.generated_tokens).toBe(lengths.reduce((sum, length) => sum + length))
    expect(toy.caches.size).toBe(0)
  })
})

describe('on request', () => {
  test('log-probabilities are those of the raw scores, the best ones first', async () => {
    const toy = new ToyModel()
    const { ids, logprobs } = await run({ max_new_tokens: 6, repetition_penalty: 5 }, { logprobs: 3 })
    expect(logprobs).toHaveLength(6)
    let surprising = 0
    for (const [i, { id, token, logprob, top }] of logprobs!.entries()) {
      const logits = toy.logits([...PROMPT, ...ids.slice(0, i)])
      const total = Math.log(logits.reduce((sum, score) => sum + Math.exp(score), 0))
      const expected = (token: number) => logits[token] - total
      expect([id, token]).toEqual([ids[i], `${ids[i]} `])
      expect(logprob).toBeCloseTo(expected(id), 6)
      const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a])
      expect(top.map((entry) => entry.id)).toEqual(order.slice(0, 3))
      for (const entry of top) expect(entry.logprob).toBeCloseTo(expected(entry.id), 6)
      if (id !== order[0]) surprising++
    }
    expect(surprising).toBeGreaterThan(0)
    expect((await run({ max_new_tokens: 2 }, { logprobs: 0 })).logprobs).toMatchObject([
      { top: [] },
      { top: [] },
    ])
  })

  test('scores, raw scores and hidden states come by token', async () => {
    const toy = new ToyModel()
    const outputs = { output_scores: true, output_logits: true, output_hidden_states: true }
    const settings = { ...outputs, max_new_tokens: 5, suppress_tokens: [0, 1] }
    const result = await run({ ...settings, return_dict_in_generate: true })
    for (const i of result.ids.keys()) {
      const text = [...PROMPT, ...result.ids.slice(0, i)]
      expect(result.logits![i]).toEqual(toy.logits(text))
      expect(result.hidden_states![i]).toEqual(toy.hidden(text))
      expect(result.scores![i]).toEqual(toy.logits(text).fill(-Infinity, 0, 2))
    }
    expect([result.logits, result.hidden_states, result.scores].map((rows) => rows?.length)).toEqual([
      5, 5, 5,
    ])
    const without = await run(settings)
    expect([without.scores, without.logits, without.hidden_states, without.logprobs]).toEqual(
      Array(4).fill(undefined),
    )
  })

  test("the user's processors run before the warpers of sampling", async () => {
    const processors = [(scores: Float32Array) => void scores.fill(0, 5, 6).fill(9, 8, 9)]
    const values = { do_sample: true, top_k: 1, suppress_tokens: [8], max_new_tokens: 4 }
    expect((await run(values, { processors })).ids).toEqual([8, 8, 8, 8])
  })

  test('what has no effect is said', async () => {
    const messages: string[] = []
    await run({ temperature: 0.5 }, { onWarning: (message) => messages.push(message) })
    expect(messages).toEqual(['temperature is 0.5, but has no effect: set do_sample to true.'])
  })
})

describe('a prompt', () => {
  const ids = greedy(4)

  test('is text, ids or a chat', async () => {
    for (const prompt of ['3 1 4 ', [3, 1, 4], [{ role: 'user', content: '3 1 4' }]]) {
      expect(await run({ max_new_tokens: 4 }, {}, prompt)).toMatchObject({ ids })
    }
  })

  test('that is empty begins with BOS, where there is one', async () => {
    expect(await run({ max_new_tokens: 4, bos_token_id: 9 }, {}, '')).toMatchObject({ ids: greedy(4, [9]) })
    expect(await run({ max_new_tokens: 4, bos_token_id: 9 }, {}, [])).toMatchObject({ ids: greedy(4, [9]) })
  })

  const refused: [string, GenerationSettings, GenerateOptions, Prompt, string][] = [
    ['that is empty', {}, {}, '', 'no beginning-of-sequence token: give some text'],
    ['as long as max_length', { max_length: 3 }, {}, PROMPT, 'The prompt has 3 tokens, but max_length is 3'],
    ['as long as the context', {}, {}, Array(1000).fill(1), 'context ends at 1000: shorten the prompt'],
    ['with a needless negative', {}, { negativePrompt: '1 ' }, PROMPT, 'no effect without guidance'],
    [
      'with an unknown setting',
      { top_q: 1 } as object,
      {},
      PROMPT,
      'top_q in the settings is not a generation',
    ],
  ]
  test.each(refused)('%s is refused with a sentence', async (_, settings, options, prompt, sentence) => {
    const error = await run(settings, options, prompt).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining(sentence) })
  })
})

describe('where every token is forbidden', () => {
  const suppress_tokens = Array.from({ length: 13 }, (_, token) => token)

  test.each([{}, { do_sample: true }, { do_sample: true, num_return_sequences: 3 }])(
    'generation fails with a sentence: %j',
    async (settings) => {
      const error = await run({ ...settings, suppress_tokens }).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(UserError)
      expect(error).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^No token can follow: /) })
    },
  )

  test('a score that is not a number is never the best', async () => {
    const processors = [(scores: Float32Array) => void scores.fill(Number.NaN, 0, 12)]
    expect((await run({ max_new_tokens: 2 }, { processors })).ids).toEqual([12, 12])
    await expect(run({ do_sample: true, top_k: 0 }, { processors })).rejects.toThrow('some are not numbers')
  })

  test.each([
    ['sampling', { do_sample: true }],
    ['beam search', { num_beams: 3 }],
    ['beam sample', { num_beams: 3, do_sample: true }],
    ['diverse beam search', { num_beams: 4, num_beam_groups: 2, diversity_penalty: 1 }],
    ['contrastive search', { penalty_alpha: 0.6, top_k: 4 }],
    ['top_h', { do_sample: true, top_h: 0.5 }],
    ['typical_p', { do_sample: true, typical_p: 0.5, top_k: 0 }],
  ])('or a score is beyond floats: %s', async (_, settings) => {
    const infinite = (scores: Float32Array) => void scores.fill(Infinity, 5, 6)
    const processors = [infinite]
    await expect(run({ max_new_tokens: 3, ...settings }, { processors })).rejects.toThrow(
      'No token can follow',
    )
  })

  test.each([[false], [true]])('or a score is beyond floats: an assistant, sampled %s', async (do_sample) => {
    const assistant = { path: 'draft', ...stubModel(new ToyModel()) }
    const infinite = (scores: Float32Array) => void scores.fill(Infinity, 5, 6)
    const result = run({ max_new_tokens: 3, do_sample }, { processors: [infinite], assistant })
    // The best score is the best, as in HF, however large.
    if (do_sample) await expect(result).rejects.toThrow('No token can follow')
    else expect((await result).ids).toEqual([5, 5, 5])
  })

  test('or scores are not numbers; remove_invalid_values mends that', async () => {
    const processors = [(scores: Float32Array) => void scores.fill(Number.NaN)]
    for (const do_sample of [false, true]) {
      await expect(run({ do_sample }, { processors })).rejects.toThrow('No token can follow')
    }
    const broken = new ToyModel()
    vi.spyOn(broken, 'forward').mockResolvedValue({
      logits: () => new Float32Array(13).fill(Number.NaN),
      hidden: () => new Float32Array(4),
    })
    const mended = generate(stubModel(broken), PROMPT, { remove_invalid_values: true, max_new_tokens: 2 })
    expect((await mended.result()).ids).toEqual([0, 0])
  })
})

test.each([
  'bos_token_id',
  'eos_token_id',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'suppress_tokens',
  'begin_suppress_tokens',
])('%s beyond the vocabulary is refused', async (field) => {
  const list = field.startsWith('suppress') || field.startsWith('begin')
  const refusal = run({ [field]: list ? [1, 13] : 13, max_new_tokens: 2 })
  await expect(refusal).rejects.toThrow(
    `${field} in the settings names the token 13, but the model's vocabulary has 13.`,
  )
})
