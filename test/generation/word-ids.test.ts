import { beforeAll, describe, expect, test } from 'vitest'
import { generationConfigSchema } from '../../src/config/index.js'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import { withWordIds } from '../../src/generation/word-ids.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { ToyModel } from '../strategies/toy-model.js'
import { trained } from '../tokenizer/tokenizer-golden.js'
import { stubModel } from './stub-model.js'

const tokenizers = new Map<string, Tokenizer>()
beforeAll(async () => {
  for (const style of ['gpt2', 'llama3', 'llama2', 'gemma', 'metaspace']) {
    tokenizers.set(style, await loadTokenizer({ tokenizerJson: trained(style) }))
  }
})

const resolved = (style: string, settings: GenerationSettings) => {
  const tokenizer = tokenizers.get(style)!
  return withWordIds(generationConfigSchema.parse(settings), tokenizer, tokenizer.vocabSize)
}

describe.each(['gpt2', 'llama3', 'llama2', 'gemma', 'metaspace'])('words of a %s tokenizer', (style) => {
  test.each(['dog', 'river', 'über', '好', '😀', 'x y'])(
    '%j have the forms within and at the beginning of words',
    (word) => {
      // The decoder of this one leaves bytes as they are spelled.
      if (style === 'metaspace' && /[^ -~]/.test(word) && word !== '😀') return
      const tokenizer = tokenizers.get(style)!
      const { bad_words_ids = [] } = resolved(style, { bad_words: [word] })
      const texts = bad_words_ids.map((ids) =>
        tokenizer.decode([...tokenizer.encode('\n', { addSpecialTokens: false }), ...ids]),
      )
      expect(texts[0].replace(/^ ?\n/, '')).toBe(word)
      if (texts.length > 1) expect(texts[1].replace(/^ ?\n/, '')).toBe(` ${word}`)
      // Whatever follows a text, one of the forms ends it.
      for (const before of ['a', 'the ', 'a\n', '']) {
        const ids = tokenizer.encode(`${before}${word}`, { addSpecialTokens: false })
        const ends = bad_words_ids.map((form) =>
          form.every((id, i) => ids[ids.length - form.length + i] === id),
        )
        if (before.endsWith(' ') || before.endsWith('\n')) expect(ends).toContain(true)
      }
    },
  )

  test('of a space before them are taken as they are', () => {
    expect(resolved(style, { bad_words: [' dog'] }).bad_words_ids).toHaveLength(1)
  })
})

describe('words in place of ids', () => {
  test('are added to the ids that there are', () => {
    const config = resolved('gpt2', {
      bad_words_ids: [[9]],
      bad_words: 'dog',
      sequence_bias: [[[8], 1]],
      logit_bias: ['dog=-5', 'a=b=2.5'] as never,
      suppress_tokens: [3],
      suppress_words: ['a'],
      begin_suppress_words: ['b'],
    })
    expect(config.bad_words_ids![0]).toEqual([9])
    expect(config.bad_words_ids!.length).toBeGreaterThan(1)
    expect(config.sequence_bias!.map(([, bias]) => bias)).toEqual(expect.arrayContaining([1, -5, 2.5]))
    expect(config.logit_bias).toBeUndefined()
    expect(config.suppress_tokens![0]).toBe(3)
    expect(config.suppress_tokens!.length).toBeGreaterThan(1)
    expect(config.begin_suppress_tokens!.length).toBeGreaterThan(0)
  })

  test.each(['gpt2', 'llama3', 'llama2', 'gemma', 'metaspace'])(
    'have a bias in the forms that bad_words forbid, with a %s tokenizer',
    (style) => {
      for (const word of ['dog', 'river bank', '007', ' dog']) {
        const { bad_words_ids } = resolved(style, { bad_words: [word] })
        const { sequence_bias } = resolved(style, { logit_bias: { [word]: -5 } })
        expect(sequence_bias).toEqual(bad_words_ids!.map((ids) => [ids, -5]))
      }
    },
  )

  test('have the sum of the biases that name them, and false is false', () => {
    const [id] = resolved('gpt2', { suppress_words: [' a'] }).suppress_tokens!
    const sum = (logit_bias: Record<string, number | false>, given: number | false) =>
      resolved('gpt2', {
        sequence_bias: [
          [[id], 9],
          [[id, id], 4],
          [[id], given],
        ],
        logit_bias,
      }).sequence_bias!
    expect(sum({ ' a': 2, [id]: 0.5 }, 1)).toEqual([
      [[id], 3.5],
      [[id, id], 4],
    ])
    expect(sum({ ' a': false, [id]: 0.5 }, 1)[0]).toEqual([[id], false])
    expect(sum({ ' a': 1 }, false)[0]).toEqual([[id], false])
    // What is resolved stays what it is.
    const once = resolved('gpt2', { logit_bias: { dog: 1, [id]: 2 } })
    expect(withWordIds(once, tokenizers.get('gpt2')!, 320)).toEqual(once)
  })

  test('that are forced are alternatives of which none begins another', () => {
    const { force_words_ids = [] } = resolved('gpt2', {
      num_beams: 2,
      force_words: ['dog', ['cat', 'cats', 'cat']],
    })
    expect(force_words_ids).toHaveLength(2)
    for (const word of force_words_ids as number[][][]) {
      for (const [i, short] of word.entries()) {
        for (const [j, long] of word.entries()) {
          if (i !== j) expect(long.slice(0, short.length)).not.toEqual(short)
        }
      }
    }
  })

  test('name whole tokens by their text, special ones too', () => {
    const config = resolved('gpt2', { eos_token: ['<|end|>', '\n'], pad_token: '<|bos|>', eos_token_id: 7 })
    expect(config.eos_token_id).toEqual([
      1,
      tokenizers.get('gpt2')!.encode('\n', { addSpecialTokens: false })[0],
    ])
    expect(config.pad_token_id).toBe(0)
    expect(resolved('gpt2', { bad_words: ['<|user|>'] }).bad_words_ids).toEqual([[2]])
  })

  test.each<[GenerationSettings, RegExp]>([
    [
      { suppress_words: ['zebra crossing'] },
      /suppress_words has "zebra crossing", which is \d+ tokens .*bad_words/,
    ],
    [{ eos_token: 'zebra' }, /eos_token has "zebra", which is \d+ tokens .*eos_token_id/],
  ])('%j are refused where a field takes one token', (settings, message) => {
    expect(() => resolved('gpt2', settings)).toThrow(message)
  })

  test.each<[GenerationSettings, RegExp]>([
    [
      { logit_bias: 'dog' as never },
      /^logit_bias in the settings cannot be "dog": give an object .*, or word=number/,
    ],
    [{ logit_bias: 'dog=x' as never }, /^logit_bias .*: give a number, or false, in place of "x"\.$/],
    [{ logit_bias: { 99999999999999999999: 1 } }, /logit_bias names the token 100000000000000000000/],
    [
      { logit_bias: ['{"99999999999999999999": 1}'] as never },
      /logit_bias names the token 99999999999999999999, but the model's vocabulary has \d+/,
    ],
    [{ bad_words: [''] }, /bad_words/],
    [{ force_words: ['a'] }, /force_words is \["a"\] while num_beams is 1/],
    [{ force_words: ['a'], num_beams: 2, do_sample: true }, /force_words .* do_sample/],
  ])('%j are refused by name', async (settings, message) => {
    await expect(generate(stubModel(new ToyModel()), [1], settings).result()).rejects.toThrow(message)
  })

  test('decide what is generated', async () => {
    const model = { ...stubModel(new ToyModel()) }
    const plain = await generate(model, [3, 1, 4], { max_new_tokens: 5 }).result()
    const { ids } = await generate(model, [3, 1, 4], {
      max_new_tokens: 5,
      bad_words: [`${plain.ids[0]}`],
    }).result()
    expect(ids).not.toContain(plain.ids[0])
  })
})
