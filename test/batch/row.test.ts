import { describe, expect, test } from 'vitest'
import { resultRow } from '../../src/batch/result.js'
import { type BadRow, parseRow, type Row } from '../../src/batch/row.js'
import { resolveGenerationConfig } from '../../src/config/index.js'
import type { Statistics } from '../../src/generation/statistics.js'

const parse = (text: string | Buffer, number = 4) =>
  parseRow({ number, bytes: Buffer.from(text as string), isWhole: true })

describe('a row', () => {
  test('has an id, a prompt, settings, and what is passed through', () => {
    expect(
      parse('{"id":"a","prompt":"Hi","top_k":5,"seed":null,"tag":{"n":[1,null]},"constructor":1}'),
    ).toEqual({
      line: 4,
      id: 'a',
      prompt: 'Hi',
      settings: { top_k: 5, seed: null },
      passed: { tag: { n: [1, null] }, constructor: 1 },
    })
  })

  test('has its line number for an id, and messages for a prompt', () => {
    const messages = [{ role: 'user', content: 'Hi' }]
    const row = { line: 4, id: 4, prompt: messages, settings: {}, passed: {} }
    expect(parse(JSON.stringify({ messages }))).toEqual(row)
    // As tables are written, where other rows have these fields.
    expect(parse(JSON.stringify({ id: null, prompt: null, messages }))).toEqual(row)
  })

  test.each<[line: string | Buffer, id: string | number | null, error: string | RegExp]>([
    ['{"prompt":', null, /^Line 4 is not valid JSON: .+\.$/],
    ['"Hi"', null, /^Line 4 holds no JSON object: /],
    ['[{"prompt":"Hi"}]', null, /^Line 4 holds no JSON object: /],
    ['null', null, /^Line 4 holds no JSON object: /],
    [Buffer.from([0x7b, 0xff, 0x7d]), null, 'Line 4 is not valid UTF-8: convert it first.'],
    ['{"id":true,"prompt":"Hi"}', null, /^The id of line 4 is true: /],
    ['{"id":1.5,"prompt":"Hi"}', null, /^The id of line 4 is 1.5: /],
    // It would stand for its neighbours too.
    ['{"id":12345678901234567890,"prompt":"Hi"}', null, /^The id of line 4 is 12345678901234567000: /],
    ['{"id":"a"}', 'a', 'The row has neither prompt nor messages: give one of them.'],
    ['{}', 4, 'The row has neither prompt nor messages: give one of them.'],
    ['{"prompt":"Hi","messages":[]}', 4, 'The row has both prompt and messages: leave one of them out.'],
    ['{"id":0,"prompt":5}', 0, 'The prompt is no text.'],
    ['{"prompt":["Hi"]}', 4, 'The prompt is no text.'],
    ['{"messages":"Hi"}', 4, /^messages is no list of messages: /],
    ['{"messages":[]}', 4, /^messages is no list of messages: /],
    ['{"messages":[{"content":"Hi"}]}', 4, /^messages is no list of messages: /],
    ['{"messages":[{"role":"usr"}]}', 4, 'Message 1 has the role "usr": did you mean "user"?'],
    ['{"messages":[{"role":"user"},{"role":"Assistant"}]}', 4, /^Message 2 .+ mean "assistant"\?$/],
    ['{"id":"a","prompt":"Hi","text":"old"}', 'a', /^The row has a field text, which is one of the output: /],
  ])('%s is none', (line, id, error) => {
    const { isForeign, ...row } = parse(line) as BadRow
    expect(row).toEqual({
      line: 4,
      id,
      passed: {},
      error: typeof error === 'string' ? error : expect.stringMatching(error),
    })
  })
})

describe('a result', () => {
  const row: Row = { line: 1, id: 'a', prompt: 'Hi', settings: {}, passed: { 7: 'first', tag: null } }
  const sequence = (text: string) => ({ text, ids: [1], tokens: ['x'], finish_reason: 'length' as const })
  const result = (values: Record<string, unknown>, ...texts: string[]) => {
    const { config } = resolveGenerationConfig({ values, origin: 'the test' })
    const sequences = texts.map(sequence)
    const statistics = { prompt_tokens: 3, generated_tokens: 2 } as Statistics
    return resultRow(row, {
      ...sequences[0],
      sequences,
      config: { ...config, seed: config.seed ?? 0 },
      statistics,
    })
  }

  test('begins with its id, whatever is passed through', () => {
    const { key, text } = result({}, 'A')
    expect(key).toBe('"a"')
    expect(text).toBe(
      '{"id":"a","7":"first","tag":null,"text":"A","finish_reason":"length","prompt_tokens":3,"generated_tokens":2}',
    )
  })

  test('has the seed of what was drawn, and several sequences as a list', () => {
    expect(JSON.parse(result({ do_sample: true, seed: 5, num_return_sequences: 2 }, 'A', 'B').text)).toEqual({
      id: 'a',
      7: 'first',
      tag: null,
      sequences: ['A', 'B'].map((text) => ({ text, finish_reason: 'length' })),
      prompt_tokens: 3,
      generated_tokens: 2,
      seed: 5,
    })
  })

  test('has all fields where they are asked for', () => {
    const { text } = result({ return_dict_in_generate: true }, 'A')
    expect(JSON.parse(text)).toMatchObject({ text: 'A', ids: [1], tokens: ['x'] })
  })
})
