import { describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { createRandom } from '../../src/random.js'
import { tokenRecycling } from '../../src/strategies/drafters/token-recycling.js'
import { softmax } from '../../src/strategies/softmax.js'
import type { Strategy } from '../../src/strategies/strategy.js'
import { choices, type HeldLanguage, held, heldModel, LANGUAGES, regex, undrafted } from './held-text.js'

const model = await heldModel('llama3', [1, 2])
const plain = undrafted(model)
const encode = (text: string) => model.tokenizer.encode(text, { addSpecialTokens: false })
const spell = (id: number) => Buffer.from((id > 2 && model.tokenizer.tokenBytes(id)) || []).toString()
const RECORD = LANGUAGES['a record']
const ROOM = { max_new_tokens: 40 }
/** Ends are forbidden where there is a choice. */
const FEW = { suppress_tokens: [1, 2] }

describe('drafts', () => {
  const HOW: Readonly<Record<string, Record<string, unknown>>> = {
    greedily: {},
    drawn: { do_sample: true, seed: 5, xtc_probability: 0.5, xtc_threshold: 0.01 },
    'drawn several times': { do_sample: true, seed: 6, num_return_sequences: 3 },
    'with penalties': { repetition_penalty: 1.5, no_repeat_ngram_size: 2 },
  }

  test.each(Object.entries(HOW))('leave text as it is, %s', async (_, how) => {
    const others: readonly [Record<string, unknown>, GenerateOptions?][] = [
      [{}],
      [{ prompt_lookup_num_tokens: 3 }],
      [{}, { createDrafter: tokenRecycling({ size: 12, depth: 4, eosTokenIds: [1, 2] }) }],
      ...(how.do_sample ? [] : [[{}, { assistant: model }] satisfies [object, GenerateOptions]]),
    ]
    for (const language of Object.values(LANGUAGES)) {
      const wanted = await held(plain, language, { ...ROOM, ...how })
      expect(wanted.statistics).toMatchObject({ drafted_tokens: 0, forced_tokens: 0 })
      for (const [settings, options] of others) {
        const { sequences } = await held(model, language, { ...ROOM, ...how, ...settings }, options)
        expect(sequences.map(({ ids }) => ids)).toEqual(wanted.sequences.map(({ ids }) => ids))
      }
    }
  })

  test('of forced text begin with the pass of the prompt', async () => {
    const written = encode('{"name": "x"}')
    // The model spells text as the tokenizer does.
    const sequence_bias = written.map((id): [number[], number] => [[id], 50])
    const { ids, statistics } = await held(model, choices('{"name": "x"}'), { ...ROOM, sequence_bias })
    expect(ids).toEqual(written)
    expect(written.length).toBeGreaterThan(4)
    expect(statistics).toMatchObject({ steps: 1, accepted_tokens: statistics.drafted_tokens })
    expect(statistics.forced_tokens).toBe(statistics.accepted_tokens)
    expect(statistics.mask_time).toBeGreaterThan(0)
  })
})

test('forced tokens are told apart from what another drafter drafts, and free text has none', async () => {
  const language = LANGUAGES['a record']
  const alone = await held(model, language, ROOM)
  const beside = await held(model, language, ROOM, { assistant: model })
  expect(alone.statistics.forced_tokens).toBe(alone.statistics.accepted_tokens)
  expect(alone.statistics.forced_tokens).toBeGreaterThan(0)
  const { forced_tokens = 0, accepted_tokens } = beside.statistics
  expect(forced_tokens).toBeGreaterThan(0)
  expect(forced_tokens).toBeLessThan(accepted_tokens)
  const free = await generate(model, 'A', { max_new_tokens: 3 }).result()
  expect(Object.keys(free.statistics)).not.toContain('forced_tokens')
})

describe('the end', () => {
  test('comes in time in any language', async () => {
    const random = createRandom(4)
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]
    const source = (depth: number): string => {
      const kind = depth === 0 ? 0 : Math.floor(random() * 4)
      if (kind === 0) return pick(['a', 'bc', '[a-f]', '\\d', 'é', '"', '[^"]', ' ', '日'])
      if (kind === 1) return `(?:${source(depth - 1)}|${source(depth - 1)})`
      if (kind === 2) return `${source(depth - 1)}${source(depth - 1)}`
      return `(?:${source(depth - 1)})${pick(['*', '+', '?', '{2}', '{0,3}', '{3,7}', '{4,}'])}`
    }
    for (let i = 0; i < 60; i++) {
      const language = regex(source(3))
      const subject = i % 3 === 0 ? await heldModel('llama3', []) : model
      let served = 0
      for (let limit = 1; served < 2; limit += 1 + Math.floor(limit / 4)) {
        const settings = { do_sample: true, seed: i, max_new_tokens: limit }
        await held(subject, language, settings).then(
          () => served++,
          (error) => expect(error.message).toMatch(/^The shortest text .* raise max_new_tokens/),
        )
      }
    }
  })

  test('is in time where a token opens what is long', async () => {
    const language = regex('a*|a*b{700}')
    const bias: [number[], number][] = [[encode('b'), 9]]
    for (const max_new_tokens of [5, 600, 800]) {
      await held(model, language, { max_new_tokens, sequence_bias: bias })
    }
  })

  test('is where nothing may follow, and else where the model says so', async () => {
    const over = await held(model, choices('yes'), ROOM)
    expect([over.finish_reason, over.ids.at(-1)]).toEqual(['eos', expect.not.toBeOneOf([1, 2])])
    const spelled = over.ids.length
    expect((await held(model, choices('yes'), { max_new_tokens: spelled })).finish_reason).toBe('eos')
    expect((await held(model, regex('yes*'), { max_new_tokens: spelled, ...FEW })).finish_reason).toBe(
      'length',
    )
    const ends = new Set<number | undefined>()
    for (let seed = 0; seed < 12; seed++) {
      const { ids, finish_reason } = await held(model, regex('a{1,99}'), {
        do_sample: true,
        temperature: 9,
        seed,
        ...ROOM,
      })
      expect(finish_reason).toBe('eos')
      ends.add(ids.at(-1))
    }
    expect(ends).toEqual(new Set([1, 2]))
  })

  test.each([
    ['several ends', [1, 2]],
    ['no end', []],
  ])('comes at once where the empty text is the only one: a model with %s', async (_, ends) => {
    const subject = await heldModel('llama3', ends)
    for (const settings of [{}, { num_beams: 2 }, { do_sample: true, best_of: 2 }]) {
      const result = await held(subject, regex('(?:)'), { ...settings, ...ROOM })
      expect(result).toMatchObject({ text: '', ids: [], finish_reason: 'eos', value: '' })
    }
    expect(subject.model.forwards).toBe(0)
  })

  test('comes by a stop string, and what is cut has no value', async () => {
    const settings = { ...RECORD.settings, ...ROOM, stop_strings: ['": "'] }
    const { text, finish_reason, value } = await generate(model, 'Say: ', settings).result()
    expect({ text, finish_reason, value }).toEqual({
      text: '{"name',
      finish_reason: 'stop',
      value: undefined,
    })
  })

  test('is refused where it is too near, and where it cannot be spelled', async () => {
    const run = (subject: typeof model, language: HeldLanguage, max_new_tokens = 3) =>
      generate(subject, 'Say: ', { ...language.settings, max_new_tokens }).result()
    await expect(run(model, RECORD)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^The shortest text that the grammar allows has \d+ tokens, and 3 may be generated/,
      ),
      exitCode: 2,
    })
    const lacking = await heldModel('metaspace')
    await expect(run(lacking, choices('né'))).rejects.toThrow(/cannot spell any text(?!.*max_new_tokens)/)
    // A beginning that the tokens have is not gone into where they lack what must follow.
    for (const settings of [{ do_sample: true, seed: 1 }, { num_beams: 3 }]) {
      const { text } = await held(lacking, choices('né', 'nés', 'toy'), { ...settings, max_new_tokens: 90 })
      expect(text).toBe('toy')
    }
  })
})

test('control tokens of a grammar are tokens of the text, and have room', async () => {
  const subject = await heldModel('llama3', [1])
  const settings = { grammar: 'root ::= ("x" root "y") | <|user|>' }
  const language: HeldLanguage = { settings, has: (text) => /^(x*)(y*)$/.test(text) && text.length % 2 === 0 }
  for (let limit = 1; limit < 14; limit++) {
    const { ids } = await held(subject, language, { do_sample: true, seed: limit, max_new_tokens: limit })
    expect(ids.filter((id) => id === 2)).toHaveLength(1)
  }
})

test('beams that find fewer texts than are asked for say so', async () => {
  const told: string[] = []
  const onWarning = (message: string) => told.push(message)
  const settings = { ...ROOM, num_beams: 3, num_return_sequences: 3 }
  const { sequences } = await held(model, choices('ab'), settings, { onWarning })
  expect(new Set(sequences.map(({ text }) => text)).size).toBe(1)
  expect(told).toEqual([
    `${sequences.length === 1 ? '1 text was' : `${sequences.length} texts were`} found, though num_return_sequences is 3: the beams have no other.`,
  ])
})

describe('what else forbids tokens', () => {
  test('gives way, which is told once', async () => {
    const told: string[] = []
    const onWarning = (message: string) => told.push(message)
    const settings = {
      ...ROOM,
      num_beams: 2,
      num_return_sequences: 2,
      suppress_tokens: [...Array(528).keys()],
    }
    await held(model, RECORD, settings, { onWarning })
    expect(told).toEqual([expect.stringMatching(/^Other settings forbid all .* wins over them\.$/)])
    await held(model, RECORD, { ...ROOM, no_repeat_ngram_size: 9 }, { onWarning })
    expect(told).toHaveLength(1)
  })

  test('has its say where more than one token is allowed', async () => {
    const { text } = await held(model, regex('[jqv]{5}'), { ...ROOM, bad_words: ['q', 'v'] })
    expect(text).toBe('jjjjj')
  })
})

describe('a strategy of the caller’s', () => {
  const choosing = (choose: (scores: Float32Array) => number): Strategy =>
    async function* ({ model: target, cache, prompt, processors, limit }) {
      let prefix = prompt
      let pending: number[] = []
      for (let node: typeof prompt | undefined = prompt; node; node = node.parent) pending.unshift(node.token)
      while (prefix.length < limit) {
        const parents = pending.map((_, i) => cache.length + i - 1)
        const output = await target.forward(cache, pending, parents, [pending.length - 1], { states: [] })
        const logits = output.logits(pending.length - 1)
        const scores = logits.slice()
        for (const process of processors) process(scores, prefix)
        const token = choose(scores)
        prefix = { token, parent: prefix, length: prefix.length + 1 }
        pending = [token]
        yield { choices: [{ token, logits, scores, hidden: logits }], drafted: 0, accepted: 0 }
      }
    }

  test('is held to the language', async () => {
    const strategy = choosing((scores) => scores.findLastIndex((score) => score > -Infinity))
    for (const language of Object.values(LANGUAGES)) await held(model, language, ROOM, { strategy })
  })

  test('is told where it takes what is not allowed', async () => {
    const strategy = choosing(() => 9)
    const run = generate(model, 'Say: ', { ...RECORD.settings, ...ROOM }, { strategy }).result()
    await expect(run).rejects.toThrow(/^The strategy has chosen a token that the grammar does not allow/)
  })
})

describe('the masked mass', () => {
  test('is the probability of all that is not allowed', async () => {
    const language = choices('yes', 'no')
    for (const how of [{}, { num_beams: 2 }, { do_sample: true, seed: 4, top_k: 1 }]) {
      const { ids, masked_mass } = await held(model, language, { ...ROOM, ...how }, { maskedMass: true })
      expect(masked_mass).toHaveLength(ids.length)
      const text = model.tokenizer.encode('Say: ')
      let written = ''
      for (const [i, id] of ids.entries()) {
        const p = softmax(model.model.logits(text).slice())
        const allowed = p.filter((_, token) => {
          const after = written + spell(token)
          return spell(token) !== '' && ['yes', 'no'].some((choice) => choice.startsWith(after))
        })
        expect(masked_mass![i]).toBeCloseTo(1 - allowed.reduce((a, b) => a + b), 5)
        text.push(id)
        written += spell(id)
      }
    }
  })

  test('is none of a text that is free', async () => {
    const free = generate(model, 'Say: ', ROOM, { maskedMass: true }).result()
    await expect(free).rejects.toThrow(/masked mass .* the text is free: name a language/)
  })
})

describe('token healing', () => {
  test('goes on into the language', async () => {
    const spellings = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      for (const language of [choices('tp://', '://x', 'abc'), regex('[a-z:]{3}'), LANGUAGES.numbers]) {
        const settings = { token_healing: true, do_sample: true, temperature: 5, seed, ...ROOM }
        const { ids, text } = await held(model, language, settings, {}, 'the ht')
        expect(ids.map(spell).join('')).toBe(`${spell(encode('the ht').at(-1)!)}${text}`)
        spellings.add(spell(ids[0]))
      }
    }
    // Tokens that go on from the prompt's last one begin the language.
    expect(spellings.size).toBeGreaterThan(1)
  })
})

describe('a prompt', () => {
  test.each(['llama2', 'gemma', 'gpt2', 'GGUF stories260K'])(
    'of any kind is gone on from without a stray space: %s',
    async (kind) => {
      const subject = await heldModel(kind)
      const spaced = regex(' [ab]{2}[^ ]? ?')
      for (const prompt of [[1], 'Say:', 'Say: ']) {
        for (const language of [spaced, ...Object.values(LANGUAGES)]) {
          await held(subject, language, { do_sample: true, seed: 3, max_new_tokens: 30 }, {}, prompt)
        }
      }
    },
  )
})
