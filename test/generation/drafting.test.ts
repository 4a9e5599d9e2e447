import { describe, expect, test } from 'vitest'
import { type Assistant, reencodingNotice } from '../../src/generation/assistant.js'
import { argmax } from '../../src/strategies/choose.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { CreateDrafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'
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

/** A tokenizer as the target's, with other ids. */
function rotated(tokenizer: Tokenizer): Tokenizer {
  const { vocabSize } = tokenizer
  const turn = (id: number) => (id + 1) % vocabSize
  return {
    ...tokenizer,
    encode: (text) => tokenizer.encode(text).map(turn),
    decode: (ids) => tokenizer.decode(ids.map((id) => (id + vocabSize - 1) % vocabSize)),
    idToToken: (id) => tokenizer.idToToken((id + vocabSize - 1) % vocabSize),
  }
}

/** The target itself with other ids. */
class RotatedModel extends ToyModel {
  override logits(path: readonly number[]) {
    const { vocabSize } = this
    const own = super.logits(path.map((id) => (id + vocabSize - 1) % vocabSize))
    return own.map((_, id) => own[(id + vocabSize - 1) % vocabSize])
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
    [{ prompt_lookup_num_tokens: 3, dola_layers: 'low' as const }, /while dola_layers is "low"/],
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

describe('a drafter of the caller’s beside prompt lookup', () => {
  const settings = { prompt_lookup_num_tokens: 4, max_new_tokens: 40 }
  /** Drafts two tokens of a text, and counts the nodes. */
  const counting = (text: readonly number[], change = (token: number) => token) => {
    const count = { nodes: 0 }
    const createDrafter: CreateDrafter = () => ({
      draft({ length }, _, limit) {
        const tokens = text.slice(length, length + Math.min(2, limit)).map(change)
        count.nodes += tokens.length
        return { tokens, parents: tokens.map((_, i) => i - 1) }
      },
    })
    return { count, createDrafter }
  }

  test('drafts where lookup finds nothing, and the text is the greedy one', async () => {
    const { count, createDrafter } = counting([...PROMPT, ...greedy(40)])
    const { ids, statistics } = await run(settings, { createDrafter })
    expect(ids).toEqual(greedy(40))
    expect(count.nodes).toBeGreaterThan(0)
    // The rest is lookup's.
    expect(statistics.drafted_tokens).toBeGreaterThan(count.nodes)
    const alone = await run(settings)
    expect(statistics.steps).toBeLessThan(alone.statistics.steps)
  })

  test.each([
    ['the sequence', undefined],
    ['a corpus', [[6, 6, 6]]],
  ])('draws what sampling draws, wrong as it may be, with lookup in %s', async (_, documents) => {
    const lookupCorpus = documents && (await indexOf(documents))
    const sampled = { do_sample: true, seed: 7, num_return_sequences: 3, max_new_tokens: 30 }
    const plain = await run(sampled)
    const { createDrafter, count } = counting([...PROMPT, ...greedy(30)], (token) => (token + 1) % 7)
    const drafted = await run({ ...sampled, prompt_lookup_num_tokens: 4 }, { createDrafter, lookupCorpus })
    expect(drafted.sequences.map(({ ids }) => ids)).toEqual(plain.sequences.map(({ ids }) => ids))
    expect(count.nodes).toBeGreaterThan(0)
  })

  test('goes with neither an assistant nor early exits, and a whole strategy not with lookup', async () => {
    const { createDrafter } = counting([])
    const refused = 'The settings ask for assisted_generation, which a drafter of your own cannot serve'
    await expect(run({}, { createDrafter, assistant: assistant() })).rejects.toThrow(refused)
    await expect(run({ assistant_early_exit: 1 }, { createDrafter })).rejects.toThrow(refused)
    const strategy = draftVerify(undefined, follow(argmax))
    await expect(run(settings, { strategy })).rejects.toThrow(
      'The settings ask for assisted_generation, which a strategy of your own cannot serve',
    )
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
      num_assistant_tokens_schedule: 'heuristic' as const,
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

  test('drafts trees that leave every text as it is, processors and chance included', async () => {
    const tree = { ...assistant(), treeNodes: 9 }
    const { ids, statistics } = await run(
      { max_new_tokens: 21, num_assistant_tokens: 4 },
      { assistant: tree },
    )
    expect(ids).toEqual(greedy(21))
    expect(statistics.accepted_tokens).toBeGreaterThan(9)
    expect(statistics.drafted_tokens).toBeGreaterThan(2 * statistics.accepted_tokens)
    expect(tree.model.caches.size).toBe(0)
    const sampled = { do_sample: true, seed: 3, num_return_sequences: 2, max_new_tokens: 20, top_k: 5 }
    const plain = await run({ ...sampled, repetition_penalty: 1.2 })
    for (const model of [new ToyModel(), new OtherModel()]) {
      const options = { assistant: { ...assistant(model), treeNodes: 6 } }
      const drafted = await run({ ...sampled, repetition_penalty: 1.2 }, options)
      expect(drafted.sequences.map(({ ids }) => ids)).toEqual(plain.sequences.map(({ ids }) => ids))
    }
    for (const field of ['num_assistant_tokens_schedule', 'assistant_confidence_threshold']) {
      const values = { [field]: field.endsWith('schedule') ? 'heuristic' : 0.3 }
      await expect(run(values, { assistant: tree })).rejects.toThrow(
        `${field} in the settings has no effect on trees: draft chains, or leave it out.`,
      )
    }
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

  test('is refused where nothing is drafted', async () => {
    const draft = assistant()
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

describe('an assistant model of other tokens', () => {
  const other = (model: ToyModel = new RotatedModel()) => {
    const own = assistant(model)
    return { ...own, tokenizer: rotated(own.tokenizer) }
  }

  test('drafts by way of text', async () => {
    const draft = other()
    const settings = { max_new_tokens: 21, num_assistant_tokens: 4, assistant_confidence_threshold: 0 }
    const { ids, statistics } = await run(settings, { assistant: draft })
    expect(ids).toEqual(greedy(21))
    expect(statistics).toMatchObject({ steps: 5, drafted_tokens: 16, accepted_tokens: 16 })
    expect(draft.model.caches.size).toBe(0)
  })

  test('leaves every text as it is, processors and chance included', async () => {
    const sampled = { do_sample: true, num_return_sequences: 2, max_new_tokens: 16, temperature: 0.6 }
    const settings = { ...sampled, seed: 4, repetition_penalty: 1.3 }
    const plain = (await run(settings)).sequences.map(({ ids }) => ids.join())
    for (const draft of [other(), other(new OtherModel())]) {
      for (const lookbehind of [1, 10]) {
        const more = { assistant_lookbehind: lookbehind, target_lookbehind: lookbehind }
        const { sequences } = await run({ ...settings, ...more }, { assistant: draft })
        expect(sequences.map(({ ids }) => ids.join())).toEqual(plain)
      }
    }
  })

  test('has settings of its own, and drafts no trees', async () => {
    await expect(run({ target_lookbehind: 5 }, { assistant: assistant() })).rejects.toThrow(
      'target_lookbehind in the settings has no effect where the assistant model has the same tokens: give one with others, or leave it out.',
    )
    await expect(run({ assistant_lookbehind: 5 })).rejects.toThrow('has no effect without an assistant model')
    await expect(run({}, { assistant: { ...other(), treeNodes: 4 } })).rejects.toThrow(
      'the draft drafts no trees for the model, since token 0 is "12 " in one and "0 " in the other: draft chains',
    )
  })

  test('is told of', () => {
    const target = { ...assistant(), path: 'the model' }
    expect(reencodingNotice(assistant(), target)).toBeUndefined()
    expect(reencodingNotice(other(), target)).toBe(
      'Drafts of the draft are re-encoded for the model, since token 0 is "12 " in one and "0 " in the other.',
    )
    const wide = { ...assistant(), model: { vocabSize: 14 } }
    expect(reencodingNotice(wide, target)).toBe(
      'Drafts of the draft are re-encoded for the model, since one has 14 tokens and the other 13.',
    )
  })
})
