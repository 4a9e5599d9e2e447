import { describe, expect, test } from 'vitest'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel, stubTokenizer } from './stub-model.js'
import { greedy, PROMPT } from './toy-generation.js'

const VOCABULARY = new ToyModel().vocabSize
/** A letter a token. */
const LETTERS = 'abcdefghijklm'
/** Tokens 4, with which the prompt ends, and 6, which greedy text has late. */
const [START, END] = [4, 6]
const MARKS = { thinking_start: 'e', thinking_end: 'g' }

const tokenizer: Tokenizer = {
  ...stubTokenizer(VOCABULARY),
  encode: (text) => [...text].map((letter) => LETTERS.indexOf(letter)).filter((id) => id >= 0),
  decode: (ids) => ids.map((id) => LETTERS[id]).join(''),
  tokenToId: (token) => (token.length === 1 && LETTERS.includes(token) ? LETTERS.indexOf(token) : undefined),
}

async function ids(
  settings: GenerationSettings,
  prompt: readonly number[] = PROMPT,
  options: GenerateOptions = {},
  own: Tokenizer = tokenizer,
): Promise<readonly number[][]> {
  const model = { ...stubModel(new ToyModel()), tokenizer: own }
  const result = await generate(model, prompt, { max_new_tokens: 30, ...settings }, options).result()
  return result.sequences.map((sequence) => [...sequence.ids])
}

/** Greedy text in which the model's own scores are changed: by tokens so far, what comes next in place of its choice. */
function greedyBut(
  count: number,
  change: (text: readonly number[], scores: Float32Array) => number | undefined,
) {
  const text = [...PROMPT]
  for (let i = 0; i < count; i++) {
    const scores = new ToyModel().logits(text).slice()
    const forced = change(text.slice(PROMPT.length), scores)
    text.push(forced ?? scores.indexOf(Math.max(...scores)))
  }
  return text.slice(PROMPT.length)
}

describe('thinking_budget', () => {
  // The prompt ends with the mark of the beginning.
  test.each([0, 1, 2, 5])('of %i forces the end after as many tokens', async (thinking_budget) => {
    const own = greedy(30)
    expect(own.slice(0, 6)).not.toContain(END)
    expect(own.slice(0, 6)).not.toContain(START)
    const [text] = await ids({ ...MARKS, thinking_budget })
    expect(text.slice(0, thinking_budget + 1)).toEqual([...own.slice(0, thinking_budget), END])
    expect(text).toEqual(
      greedyBut(30, (before) => {
        const inside = !before.includes(END) || before.lastIndexOf(START) > before.lastIndexOf(END)
        return inside && before.length >= thinking_budget ? END : undefined
      }),
    )
  })

  test('forces an end of several tokens, and finds a beginning of several', async () => {
    const prompt = [3, 6, 5]
    const [text] = await ids({ thinking_start: 'gf', thinking_end: 'jaj', thinking_budget: 2 }, prompt)
    expect(text.slice(2, 5)).toEqual([9, 0, 9])
    expect(text.slice(0, 2)).toEqual(greedy(2, prompt))
  })

  test('bounds nothing outside of the marks', async () => {
    const [text] = await ids({ ...MARKS, thinking_budget: 0, max_new_tokens: 6 }, [4, 6, 3])
    expect(text).toEqual(greedy(6, [4, 6, 3]))
    expect(text).not.toContain(START)
  })

  test('waits until characters are whole, but not for ever', async () => {
    const own = greedy(10)
    const half = (tokens: readonly number[], broken: number) => ({
      ...tokenizer,
      decode: (all: readonly number[]) =>
        all
          .map((id, i) =>
            i === all.length - 1 && tokens.includes(id) && i < broken ? '\uFFFD' : LETTERS[id],
          )
          .join(''),
    })
    const [later] = await ids({ ...MARKS, thinking_budget: 2 }, PROMPT, {}, half([own[1]], 100))
    const cut = own.slice(2).findIndex((id) => id !== own[1]) + 3
    expect(later.slice(0, cut + 1)).toEqual([...own.slice(0, cut), END])
    const [never] = await ids(
      { ...MARKS, thinking_budget: 2 },
      PROMPT,
      {},
      {
        ...tokenizer,
        decode: (tokens) =>
          `${tokens.map((id) => LETTERS[id]).join('')}${tokens.length < 20 && tokens[0] !== 3 ? '\uFFFD' : ''}`,
      },
    )
    expect(never.slice(0, 7)).toEqual([...own.slice(0, 6), END])
  })

  test('is the same under drafts, whatever drafts', async () => {
    const settings = { ...MARKS, thinking_budget: 5, thinking_waits: 2, thinking_wait_text: 'hi' }
    const plain = await ids(settings)
    expect(await ids({ ...settings, prompt_lookup_num_tokens: 4 })).toEqual(plain)
    const assistant = { path: 'draft', model: new ToyModel(), tokenizer }
    expect(await ids(settings, PROMPT, { assistant })).toEqual(plain)
    const sampled = { ...settings, do_sample: true, seed: 5, num_return_sequences: 3 }
    expect(await ids({ ...sampled, prompt_lookup_num_tokens: 4 })).toEqual(await ids(sampled))
  })

  test('holds for each sample and beam', async () => {
    for (const settings of [
      { do_sample: true, seed: 1, num_return_sequences: 4 },
      { num_beams: 4, num_return_sequences: 4 },
    ]) {
      const texts = await ids({ ...MARKS, thinking_budget: 3, ...settings })
      for (const text of texts) {
        expect(text.slice(0, 4)).toContain(END)
      }
    }
  })
})

describe('thinking_waits', () => {
  /** The first token that the model says after the prompt is the mark of the end. */
  const end = greedy(1)[0]
  const marks = { thinking_start: 'e', thinking_end: LETTERS[end] }

  test.each([1, 2])('goes on %i times where thinking would end', async (thinking_waits) => {
    const wait = [0, 12]
    let left = thinking_waits
    let rest: number[] = []
    const expected = greedyBut(30, (before, scores) => {
      const inside = !before.includes(end)
      if (rest.length > 0) return rest.shift()
      if (!inside || left === 0) return undefined
      const best = scores.indexOf(Math.max(...scores))
      if (best !== end && best !== wait[0]) return undefined
      left--
      rest = wait.slice(1)
      return wait[0]
    })
    const [text] = await ids({ ...marks, thinking_waits, thinking_wait_text: 'am', max_new_tokens: 30 })
    const ended = expected.indexOf(end)
    const until = ended < 0 ? 30 : ended + 1
    expect(text.slice(0, 2)).toEqual(wait)
    expect(text.slice(0, until)).toEqual(expected.slice(0, until))
  })

  test('takes the place of the end of the text, too', async () => {
    const settings = { ...MARKS, eos_token_id: end, thinking_waits: 1, thinking_wait_text: 'a' }
    const [text] = await ids(settings)
    expect(text[0]).toBe(0)
    const [plain] = await ids({ eos_token_id: end })
    expect(plain).toEqual([end])
  })

  test('gives way to the budget', async () => {
    const [text] = await ids({ ...MARKS, thinking_waits: 5, thinking_wait_text: 'a', thinking_budget: 3 })
    expect(text[3]).toBe(END)
  })
})

describe('marks of thinking', () => {
  test('are refused by name where there are none, and where they are one', async () => {
    await expect(ids({ thinking_budget: 3 })).rejects.toThrow(
      /no marks of thinking.*thinking_start and thinking_end/,
    )
    await expect(ids({ thinking_budget: 3, thinking_start: 'e' })).rejects.toThrow(/no marks of thinking/)
    await expect(ids({ thinking_budget: 3, thinking_start: 'e', thinking_end: 'e' })).rejects.toThrow(
      /two marks/,
    )
  })

  test.each([
    ['<think>', '</think>'],
    ['[THINK]', '[/THINK]'],
  ])('%s and %s are known, in the vocabulary and in a template', async (start, end) => {
    const own = new Map([
      [start, 4],
      [end, END],
    ])
    const named = {
      ...tokenizer,
      tokenToId: (token: string) => own.get(token),
      decode: (all: readonly number[]) =>
        all.map((id) => [...own].find(([, of]) => of === id)?.[0] ?? LETTERS[id]).join(''),
    }
    const [text] = await ids({ thinking_budget: 2 }, PROMPT, {}, named)
    expect(text[2]).toBe(END)
  })
})
