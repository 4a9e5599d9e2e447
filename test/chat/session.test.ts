import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { takeInput } from '../../src/chat/commands.js'
import type { ChatOptions } from '../../src/chat/options.js'
import { ChatSession } from '../../src/chat/session.js'
import { UserError } from '../../src/errors.js'
import { generate } from '../../src/generation/generate.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { fileWriter, isolateEnvironment, temporaryDirectory } from '../e2e/cli.js'
import { writeTextModel } from '../e2e/text-model.js'

const home = temporaryDirectory()
isolateEnvironment(home)
const file = fileWriter(home)
/** ChatML, but for its tokens. */
const TEMPLATE =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'

let model: LanguageModel
let other: LanguageModel
beforeAll(async () => {
  const config = { max_position_embeddings: 2000 }
  const device = 'cpu'
  const first = { config, tokenizerConfig: { chat_template: TEMPLATE } }
  model = await loadModel(writeTextModel(join(home, 'model'), first), { device })
  other = await loadModel(
    writeTextModel(join(home, 'other'), { config: { ...config, rms_norm_eps: 1e-4 } }),
    {
      device,
    },
  )
})
afterAll(async () => {
  await Promise.all([model.dispose(), other.dispose()])
})

const SETTINGS = { max_new_tokens: 12, suppress_tokens: [0, 1, 2], seed: 5 }

function begin(options: Partial<ChatOptions> = {}, on = model): Promise<ChatSession> {
  const sources = { load: loadModel, costs: {} }
  return ChatSession.begin(on, { modelName: 'the model', sources, settings: SETTINGS, ...options })
}

/** The whole answer to a line of input. */
async function say(session: ChatSession, input: string): Promise<string> {
  const { answer } = await takeInput(session, input)
  let all = ''
  for await (const { text } of answer!) all += text
  return all
}

const notesOf = async (session: ChatSession, input: string) => (await takeInput(session, input)).notes

describe('a turn', () => {
  test.each([
    ['default', SETTINGS],
    ['lookup', SETTINGS],
    ['recycling', SETTINGS],
    ['early-exit', SETTINGS],
    ['beam', SETTINGS],
  ])('with %s runs only what is new, and says what a fresh generation says', async (strategy, settings) => {
    const session = await begin({ strategy, settings, system: 'Be kind.' })
    await say(session, 'Hello there')
    const { statistics: first } = session.statistics.last!
    expect(first.cached_tokens).toBe(0)
    const text = await say(session, 'And now?')
    const { statistics: second } = session.statistics.last!
    expect(second.cached_tokens).toBeGreaterThan(first.prompt_tokens - 1)
    const added = model.tokenizer.encode(`${session.messages[1].content}\n<user>And now?\n<assistant>`).length
    expect(second.prompt_tokens - second.cached_tokens).toBeLessThanOrEqual(added)
    const messages = [{ role: 'system', content: 'Be kind.' }, ...session.messages.slice(0, 3)]
    const beams = strategy === 'beam' ? { num_beams: 4 } : {}
    const fresh = await generate(model, messages, { ...settings, ...beams }).result()
    expect(text).toBe(fresh.text)
    expect(second.prompt_tokens).toBe(fresh.statistics.prompt_tokens)
    await session.dispose()
  })

  test('goes on after contrastive search, which reads the whole prompt', async () => {
    const session = await begin({ strategy: 'contrastive' })
    await say(session, 'Hello')
    await say(session, 'Again')
    expect(session.statistics.last!.statistics.cached_tokens).toBe(0)
    await session.setStrategy('greedy')
    await say(session, 'More')
    expect(session.statistics.last!.statistics.cached_tokens).toBeGreaterThan(30)
    await session.dispose()
  })

  test('of a model without a template continues the text', async () => {
    const session = await begin({}, other)
    const first = await say(session, 'One ')
    const second = await say(session, ' two')
    expect(session.hasTemplate).toBe(false)
    const fresh = await generate(other, `One ${first} two`, SETTINGS).result()
    expect(second).toBe(fresh.text)
    expect(() => session.setSystem('Be kind.')).toThrow(/needs a chat template/)
    await session.dispose()
  })

  test('that is stopped stays in the history as it is', async () => {
    const session = await begin({ settings: { ...SETTINGS, max_new_tokens: 1000 } })
    let seen = ''
    for await (const { text } of session.send('Hello')) {
      seen += text
      if (seen.length > 5) session.stop()
    }
    expect(session.messages).toMatchObject([{ content: 'Hello' }, { role: 'assistant', content: seen }])
    expect(session.statistics.last!.finish_reason).toBe('interrupted')
    await session.set('max_new_tokens', '5')
    await say(session, 'More')
    const { prompt_tokens, cached_tokens } = session.statistics.last!.statistics
    expect(prompt_tokens - cached_tokens).toBeLessThan(30)
    await session.dispose()
  })

  test('that cannot be answered is forgotten', async () => {
    const session = await begin()
    await say(session, 'Hello')
    await expect(say(session, 'x'.repeat(2500))).rejects.toThrow(UserError)
    expect(session.messages).toHaveLength(2)
    expect(await say(session, 'More')).not.toBe('')
    await session.dispose()
  })

  test('has a seed of its own, from which the text comes again', async () => {
    const settings = { ...SETTINGS, do_sample: true }
    const answers = []
    for (let i = 0; i < 2; i++) {
      const session = await begin({ settings })
      answers.push([
        await say(session, 'Hello'),
        await say(session, '/regenerate'),
        await say(session, 'Go on'),
      ])
      expect(session.messages).toHaveLength(4)
      expect(session.messages[1].content).toBe(answers[i][1])
      expect(session.statistics.last!.seed).toBe(SETTINGS.seed + 2)
      await session.dispose()
    }
    expect(answers[1]).toEqual(answers[0])
    expect(answers[0][1]).not.toBe(answers[0][0])
  })
})

describe('a file', () => {
  test('brings a chat back, which goes on as it would have', async () => {
    const settings = { ...SETTINGS, do_sample: true }
    const session = await begin({ settings, system: 'Be kind.' })
    await say(session, 'Hello')
    await session.set('temperature', '0.7')
    await session.setStrategy('lookup')
    const path = join(home, 'chat.json')
    expect(await notesOf(session, `/save ${path}`)).toEqual([`Saved 2 messages to ${path}.`])
    const expected = await say(session, 'Go on')

    const another = await begin()
    const { replay, notes } = await takeInput(another, `/load ${path}`)
    expect(notes).toEqual([`Loaded 2 messages from ${path}.`])
    expect(replay).toEqual(session.messages.slice(0, 2))
    expect(another.strategyName).toBe('lookup')
    expect(another.settings).toEqual(session.settings)
    expect(another.system).toBe('Be kind.')
    expect(await say(another, 'Go on')).toBe(expected)
    await Promise.all([session.dispose(), another.dispose()])
  })

  test('of another model is loaded with a warning', async () => {
    const session = await begin()
    await say(session, 'Hello')
    const path = join(home, 'another.json')
    await session.save(path)
    const another = await begin({}, other)
    expect(await another.load(path)).toEqual([expect.stringMatching(/held with another model, the model:/)])
    expect(another.messages).toEqual(session.messages)
    await Promise.all([session.dispose(), another.dispose()])
  })

  test('that is no chat, is damaged, or cannot be served changes nothing', async () => {
    const session = await begin()
    await say(session, 'Hello')
    const path = join(home, 'good.json')
    await session.save(path)
    const good = JSON.parse(readFileSync(path, 'utf8'))
    const bad: [content: string, says: RegExp][] = [
      ['not JSON', /is not valid JSON: line 1, column 1/],
      ['{"messages": []}', /is no chat that \/save has written/],
      ['[]', /is no chat/],
      [JSON.stringify({ ...good, version: 2 }), /is a chat of version 2, but only 1 can be read/],
      [
        JSON.stringify({ ...good, messages: [{ role: 'narrator', content: '' }] }),
        /its messages cannot be read/,
      ],
      [JSON.stringify({ ...good, seed: -1 }), /its seed cannot be read/],
      [JSON.stringify({ ...good, settings: { top_p: 3 } }), /top_p in the settings of the chat cannot be 3/],
      [JSON.stringify({ ...good, strategy: 'medusa' }), /There are no Medusa heads/],
      [JSON.stringify({ ...good, strategy: './mine.js' }), /none of those that come with llm/],
    ]
    const before = session.messages
    for (const [content, says] of bad) {
      await expect(session.load(file(content))).rejects.toThrow(says)
    }
    await expect(session.load(join(home, 'nowhere.json'))).rejects.toThrow(/cannot be read/)
    expect(session.messages).toBe(before)
    expect(session.strategyName).toBe('default')
    await expect(session.save(join(home, 'no/where.json'))).rejects.toThrow(/Cannot write/)
    await session.dispose()
  })
})

describe('strategies and settings', () => {
  test('that cannot be served are refused, and change nothing', async () => {
    const session = await begin({ strategy: 'greedy' })
    const { settings } = session
    const bad: [input: string, says: RegExp][] = [
      ['/strategy medusa', /There are no Medusa heads: start the chat with --medusa-heads/],
      ['/strategy mtp', /There are no modules/],
      ['/strategy speculative', /There is no draft model/],
      ['/strategy dola', /loaded without the early exits of dola_layers "low"/],
      ['/set dola_layers [1]', /ask for dola_generation, but the strategy greedy/],
      ['/strategy magic', /There is no strategy "magic": choose default, greedy,/],
      ['/strategy ./nowhere.js', /There is no strategy at/],
      ['/set temperature warm', /temperature cannot be "warm": give a number/],
      ['/set top_p 3', /top_p in \/set cannot be 3/],
      ['/set logit_bias dog', /^logit_bias in \/set cannot be "dog": give an object/],
      ['/set logit_bias ["dog=1","dog=2"]', /give "dog" once/],
      ['/set bad_words ["dog"', /^bad_words is not valid JSON: line 1, column 7: it ends too early/],
      ['/set suppress_words []', /^suppress_words in \/set cannot be \[\]: it is empty/],
      ['/set tempreature 1', /the nearest one is temperature/],
      ['/set do_sample true', /do_sample is false under the strategy greedy/],
      ['/set num_return_sequences 3', /num_return_sequences has no place in a chat/],
      ['/set penalty_alpha 0.6', /ask for contrastive_search, but the strategy greedy is for greedy_search/],
      ['/magic', /There is no command \/magic/],
      ['/save', /\/save needs FILE/],
      ['/clear all', /\/clear stands alone/],
      ['/regenerate', /nothing to answer yet/],
    ]
    for (const [input, says] of bad) {
      await expect(takeInput(session, input), input).rejects.toThrow(says)
      await expect(takeInput(session, input), input).rejects.toThrow(UserError)
    }
    expect(session.settings).toBe(settings)
    expect(session.strategyName).toBe('greedy')
    await session.dispose()
  })

  test('change in the middle, and greedy text does not with what drafts', async () => {
    const session = await begin()
    const plain = await say(session, 'Hello hello hello')
    for (const strategy of ['lookup', 'early-exit', 'auto', 'greedy']) {
      await takeInput(session, `/strategy ${strategy}`)
      expect(await say(session, '/regenerate')).toBe(plain)
    }
    expect(session.messages).toHaveLength(2)
    await session.dispose()
  })

  test('tell what has no effect', async () => {
    const session = await begin()
    expect(await notesOf(session, '/set temperature 0.7')).toEqual([
      'temperature: 0.7',
      expect.stringMatching(/^temperature is 0.7, but has no effect: set do_sample to true/),
    ])
    await expect(session.set('dola_layers', '[1]')).rejects.toThrow(
      /without the early exits of dola_layers \[1\]/,
    )
    expect(await notesOf(session, '/strategy sample')).toEqual(['Strategy: sample.'])
    expect(await notesOf(session, '/set temperature default')).toEqual(['temperature: 1'])
    expect(session.settings).toEqual({ max_new_tokens: 12, suppress_tokens: [0, 1, 2] })
    expect(await notesOf(session, '/set num_assistant_tokens 3')).toContain(
      'num_assistant_tokens has no effect under the strategy sample.',
    )
    expect(await say(session, 'Hello')).not.toBe('')
    await session.dispose()
  })

  test('are shown', async () => {
    const session = await begin({ system: 'Be kind.' })
    expect(await notesOf(session, '/set')).toContain('max_new_tokens: 12')
    expect(await notesOf(session, '/set top_k')).toEqual(['top_k: 50'])
    expect(await notesOf(session, '/set min_p')).toEqual(['min_p: not set'])
    expect(await notesOf(session, '/system')).toEqual(['Be kind.'])
    expect((await notesOf(session, '/strategy'))!.join('\n')).toMatch(/^medusa +drafts from/m)
    expect((await notesOf(session, '/help'))!.join('\n')).toMatch(/^\/set \[FIELD \[VALUE\]\] +set/m)
    expect(await takeInput(session, '/exit')).toEqual({ exit: true })
    await session.dispose()
  })
})

test('//text is a message, and /clear forgets all of them', async () => {
  const session = await begin()
  await say(session, '//help me')
  expect(session.messages[0].content).toBe('/help me')
  expect(session.cachedTokens).toBeGreaterThan(0)
  await takeInput(session, '/clear')
  expect(session.messages).toEqual([])
  expect(session.cachedTokens).toBe(0)
  await session.dispose()
})

test('what drafts for the built-in model goes on from its cache, and does not change the text', async () => {
  const builtIn = await loadModel('built-in', { device: 'cpu', dtype: 'fp32' })
  // Drafts of a fixed size: what pays depends on the machine.
  const settings = { do_sample: false, max_new_tokens: 16, num_assistant_tokens: 3 }
  const sources = { load: loadModel, costs: {}, own: { medusa: { nodes: 8 }, mtp: { depth: 2 } } }
  const answers: string[][] = []
  for (const strategy of ['greedy', 'medusa', 'mtp', 'speculative', 'auto']) {
    const session = await begin({ settings, strategy, sources }, builtIn)
    if (strategy === 'auto') expect(session.strategyName).toBe('medusa')
    answers.push([await say(session, 'Once upon a time'), await say(session, ' Then the dog')])
    const { prompt_tokens, cached_tokens, drafted_tokens } = session.statistics.last!.statistics
    expect(prompt_tokens - cached_tokens).toBeLessThanOrEqual(6)
    if (strategy !== 'greedy') expect(drafted_tokens).toBeGreaterThan(0)
    expect(answers.at(-1)).toEqual(answers[0])
    await session.dispose()
  }
  await builtIn.dispose()
})

test('/schema holds answers, shows the schema and lets go of it; one that cannot be held leaves all as it was', async () => {
  const session = await begin({ settings: { max_new_tokens: 40 } })
  expect(await notesOf(session, '/schema')).toEqual(['Answers are free.'])
  const schema = '{"enum":[10,12]}'
  expect(await notesOf(session, `/schema ${schema}`)).toEqual([`Answers keep to the schema ${schema}.`])
  expect(await say(session, 'hello')).toMatch(/^1[02]$/)
  await expect(takeInput(session, '/schema {"type":"objct"}')).rejects.toThrow('#/type')
  await expect(takeInput(session, '/schema none.json')).rejects.toThrow('there is no such file')
  expect(await notesOf(session, '/schema')).toEqual([`Answers keep to the schema ${schema}.`])
  expect(await notesOf(session, '/schema off')).toEqual(['Answers are free.'])
  for (const word of ['off', 'none', 'null']) {
    await takeInput(session, `/schema ${schema}`)
    expect(await notesOf(session, `/set schema ${word}`)).toEqual(['schema: not set'])
    expect(await notesOf(session, '/schema')).toEqual(['Answers are free.'])
  }
  await session.dispose()
})

test('a long schema is told by its file or its beginning', async () => {
  const session = await begin({ settings: { max_new_tokens: 40 } })
  const names = Array.from({ length: 40 }, (_, i) => `name${i}`)
  const schema = JSON.stringify({ enum: names }, null, 1)
  const name = file(schema, 'schema.json')
  expect(await notesOf(session, `/schema ${name}`)).toEqual([`Answers keep to the schema ${name}.`])
  const beginning = '{ "enum": [ "name0", "name1", "name2", "name3", "name4", "na…'
  expect(await notesOf(session, '/schema')).toEqual([`Answers keep to the schema ${beginning}.`])
  const [set] = (await notesOf(session, '/set schema'))!
  expect(set).toHaveLength('schema: …'.length + 60)
  expect(await notesOf(session, '/set')).toContain(set)
  await session.dispose()
})
