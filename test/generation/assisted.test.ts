import { describe, expect, test } from 'vitest'
import type { Assistant } from '../../src/generation/assisted.js'
import { indexOf } from '../strategies/corpora.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { greedy, PROMPT, run } from './toy-generation.js'

/** A model that drafts, by default the target itself. */
function assistant(model = new ToyModel()): Assistant & { readonly model: ToyModel } {
  return { ...stubModel(model), path: 'the draft', model }
}

/** A model of the same tokens that knows nothing of the target. */
class OtherModel extends ToyModel {
  override logits(path: readonly number[]) {
    return super.logits([...path, 7])
  }
}

describe('prompt lookup', () => {
  const prompt = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]

  test('writes the greedy text, and draws what sampling draws', async () => {
    const drafted = { prompt_lookup_num_tokens: 5, max_new_tokens: 30 }
    const result = await run(drafted, {}, prompt)
    expect(result.ids).toEqual(greedy(30, prompt))
    expect(result.statistics.drafted_tokens).toBeGreaterThan(0)
    const sampled = { do_sample: true, seed: 4, num_return_sequences: 3, max_new_tokens: 20 }
    const plain = await run(sampled, {}, prompt)
    const looked = await run({ ...sampled, prompt_lookup_num_tokens: 5 }, {}, prompt)
    expect(looked.sequences.map(({ ids }) => ids)).toEqual(plain.sequences.map(({ ids }) => ids))
  })

  test('goes with processors, and a smaller n-gram', async () => {
    const settings = { repetition_penalty: 1.3, no_repeat_ngram_size: 3, max_new_tokens: 25 }
    const plain = await run(settings, {}, prompt)
    const looked = { ...settings, prompt_lookup_num_tokens: 3, max_matching_ngram_size: 1 }
    expect((await run(looked, {}, prompt)).ids).toEqual(plain.ids)
  })

  test.each([
    [
      { max_matching_ngram_size: 3 },
      /max_matching_ngram_size is 3, but has no effect: set prompt_lookup_num_tokens/,
    ],
    [{ prompt_lookup_num_tokens: 3, num_beams: 2 }, /while num_beams is 2, but beams are not drafted/],
    [{ prompt_lookup_num_tokens: 3, penalty_alpha: 0.6 }, /contrastive search is not drafted/],
    [{ prompt_lookup_num_tokens: 3, dola_layers: 'low' }, /while dola_layers is "low"/],
  ])('refuses or warns of %j', async (settings, message) => {
    const warnings: string[] = []
    const onWarning = (warning: string) => warnings.push(warning)
    const outcome = await run({ max_new_tokens: 1, ...settings }, { onWarning }).catch(
      (error) => error.message,
    )
    expect(typeof outcome === 'string' ? outcome : warnings.join()).toMatch(message)
  })
})

describe('prompt lookup in a corpus', () => {
  const settings = { prompt_lookup_num_tokens: 5, max_new_tokens: 25 }

  test('writes the greedy text, from what the corpus has of it', async () => {
    const lookupCorpus = await indexOf([
      [7, 7, 7],
      [...PROMPT, ...greedy(25)],
    ])
    const { ids, statistics } = await run(settings, { lookupCorpus })
    expect(ids).toEqual(greedy(25))
    // The first pass drafts nothing, and each later one gives six.
    expect(statistics).toMatchObject({ steps: 5, drafted_tokens: 20, accepted_tokens: 20 })
  })

  test('draws what sampling draws, and goes with processors', async () => {
    const lookupCorpus = await indexOf([greedy(60), greedy(60, [5])])
    const sampled = {
      do_sample: true,
      seed: 4,
      num_return_sequences: 3,
      max_new_tokens: 20,
      no_repeat_ngram_size: 3,
    }
    const plain = await run(sampled)
    const drafted = { ...sampled, prompt_lookup_num_tokens: 30, max_matching_ngram_size: 4 }
    const looked = await run(drafted, { lookupCorpus })
    expect(looked.sequences.map(({ ids }) => ids)).toEqual(plain.sequences.map(({ ids }) => ids))
    expect(looked.statistics.accepted_tokens).toBeGreaterThan(5)
  })

  test('drafts nothing beyond eos_token_id', async () => {
    const [first, second] = greedy(2)
    const lookupCorpus = await indexOf([[...PROMPT, first, second, 1, 1, 1]])
    const ending = { ...settings, eos_token_id: second, max_new_tokens: 6 }
    const { statistics, finish_reason } = await run(ending, { lookupCorpus })
    expect(finish_reason).toBe('eos')
    expect(statistics.drafted_tokens).toBe(0)
  })

  test.each([
    [
      { max_new_tokens: 5 },
      /A corpus is for prompt lookup: set prompt_lookup_num_tokens, or leave the corpus out/,
    ],
    [
      { ...settings, max_matching_ngram_size: 17 },
      /max_matching_ngram_size is 17, but a corpus is searched for 16/,
    ],
  ])('is refused with %j', async (refused, message) => {
    await expect(run(refused, { lookupCorpus: await indexOf([[1, 2]]) })).rejects.toThrow(message)
  })
})

describe('an assistant model', () => {
  test('that is the target has all its tokens accepted', async () => {
    const draft = assistant()
    const settings = { max_new_tokens: 21, num_assistant_tokens: 4, assistant_confidence_threshold: 0 }
    const { ids, statistics } = await run(settings, { assistant: draft })
    expect(ids).toEqual(greedy(21))
    // The first pass drafts nothing, and each later one gives five.
    expect(statistics).toMatchObject({ steps: 5, drafted_tokens: 16, accepted_tokens: 16 })
    expect(draft.model.caches.size).toBe(0)
  })

  test('that knows nothing changes nothing', async () => {
    const options = { assistant: assistant(new OtherModel()) }
    const settings = { max_new_tokens: 20, no_repeat_ngram_size: 2 }
    const plain = await run(settings)
    expect((await run({ ...settings, num_assistant_tokens: 3 }, options)).ids).toEqual(plain.ids)
  })

  test('drafts more where all is accepted, and less where not, by the heuristic', async () => {
    const settings = {
      max_new_tokens: 1 + 3 + 5 + 7,
      num_assistant_tokens: 2,
      num_assistant_tokens_schedule: 'heuristic',
      assistant_confidence_threshold: 0,
    }
    const whole = await run(settings, { assistant: assistant() })
    expect(whole.statistics).toMatchObject({ steps: 4, drafted_tokens: 2 + 4 + 6 })
    const never = { ...settings, num_assistant_tokens: 4, max_new_tokens: 11 }
    const { statistics } = await run(never, { assistant: assistant(new OtherModel()) })
    // 4, 3, 2, and 1 from then on, as long as the limit has room.
    expect(statistics.accepted_tokens).toBe(0)
    expect(statistics.drafted_tokens).toBe(4 + 3 + 2 + 6)
  })

  test('draws with the seed, several sequences too', async () => {
    const sampled = { do_sample: true, num_return_sequences: 2, max_new_tokens: 12, num_assistant_tokens: 3 }
    const texts = async (seed: number) =>
      (await run({ ...sampled, seed }, { assistant: assistant() })).sequences.map(({ ids }) => ids.join())
    const [one, again, other] = [await texts(1), await texts(1), await texts(2)]
    expect(again).toEqual(one)
    expect(other).not.toEqual(one)
    expect(one[0]).not.toBe(one[1])
  })

  test('is refused where its tokens differ, or where nothing is drafted', async () => {
    const draft = assistant()
    const { tokenizer } = draft
    const renamed = {
      ...draft,
      tokenizer: { ...tokenizer, idToToken: (id: number) => (id === 5 ? 'five' : tokenizer.idToToken(id)) },
    }
    await expect(run({}, { assistant: renamed })).rejects.toThrow(
      'the draft is no draft for the model, since token 5 is "five" in one and "5 " in the other',
    )
    await expect(run({ num_beams: 2 }, { assistant: draft })).rejects.toThrow(
      'The settings ask for beam_search, in which no assistant model takes part',
    )
    await expect(run({ prompt_lookup_num_tokens: 2 }, { assistant: draft })).rejects.toThrow(
      'The settings ask for prompt_lookup_num_tokens, in which no assistant model takes part',
    )
    await expect(run({ assistant_early_exit: 2 })).rejects.toThrow(
      'assistant_early_exit needs the first layers of the model as its assistant',
    )
    await expect(run({ num_assistant_tokens: 5 })).rejects.toThrow(
      'num_assistant_tokens in the settings has no effect without an assistant model',
    )
  })

  test('goes from any prompt', async () => {
    const options = { assistant: assistant() }
    for (const prompt of [PROMPT.slice(0, 1), PROMPT]) {
      expect((await run({ max_new_tokens: 5 }, options, prompt)).ids).toEqual(greedy(5, prompt))
    }
  })
})
