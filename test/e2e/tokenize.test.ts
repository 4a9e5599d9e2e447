import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { fileWriter, isolateEnvironment, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const TEMPLATE =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<bot>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}'
const model = writeTextModel(join(home, 'model'))
const chatModel = writeTextModel(join(home, 'chat'), { tokenizerConfig: { chat_template: TEMPLATE } })
/** Without weights and config.json. */
const bare = writeTextModel(join(home, 'bare'), {
  without: ['model.safetensors', 'config.json', 'generation_config.json'],
})
const tokenizer = await loadTokenizer(model)
const TEXT = 'the \u00f1and\u00fa 👍🏽</s>'

isolateEnvironment(home)

async function json(command: string, ...args: string[]) {
  const { stdout, code } = await runClass(command, [...args, '--json'])
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

describe('llm tokenize', () => {
  test('tells ids, spellings, characters and texts', async () => {
    const { tokens, ids, count, characters } = await json('tokenize', '-m', model, TEXT)
    expect(ids).toEqual(tokenizer.encode(TEXT))
    expect([count, characters]).toEqual([ids.length, [...TEXT].length])
    const spans = tokenizer.encodeWithOffsets(TEXT)
    expect(tokens.map(({ id, start, end }: Record<string, number>) => ({ id, start, end }))).toEqual(spans)
    expect(tokens[0]).toEqual({ id: ids[0], token: 'th', text: 'th', start: 0, end: 2, special: false })
    expect(tokens.at(-1)).toMatchObject({ token: '</s>', text: '</s>', special: true })
  })

  test('prints a line a token, the ids alone, or their number', async () => {
    const lines = (await runClass('tokenize', ['-m', model, 'the'])).stdout
    expect(lines).toBe(
      `${tokenizer.encode('the')[0]}  0-2  th  "th"\n${tokenizer.encode('the')[1]}  2-3  e   "e"\n`.replace(
        /^/,
        '',
      ),
    )
    expect((await runClass('tokenize', ['-m', model, '--ids', 'the'])).stdout).toBe(
      `${tokenizer.encode('the').join(' ')}\n`,
    )
    const counted = await runClass('tokenize', ['-m', model, '--count', '--text-file', file('the\n')])
    expect([counted.stdout, counted.stderr]).toEqual(['2\n', ''])
    expect(await json('tokenize', '-m', model, '--count', '  ')).toEqual({ count: 2, characters: 2 })
  })

  test('needs the tokenizer alone', async () => {
    expect((await json('tokenize', '-m', bare, TEXT)).ids).toEqual(tokenizer.encode(TEXT))
  })

  test('shows what a chat template makes of a text and of messages', async () => {
    const chat = await json('tokenize', '-m', chatModel, '--chat', '--system', 'be', 'the')
    expect(chat.prompt).toBe('<system>be<user>the<bot>')
    expect(chat.ids).toEqual(tokenizer.encode(chat.prompt, { addSpecialTokens: false }))
    const messages = file(
      JSON.stringify([
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ]),
    )
    const args = ['-m', chatModel, '--messages', messages]
    expect((await json('tokenize', ...args, '--no-generation-prompt')).prompt).toBe('<user>a<assistant>b')
    expect((await json('tokenize', ...args, '--no-thinking')).prompt).toBe(
      '<user>a<assistant>b<bot><think></think>',
    )
  })
})

describe('llm detokenize', () => {
  const ids = tokenizer.encode(TEXT)

  test.each([
    ['words', ids.map(String)],
    ['a list with commas', [ids.join(',')]],
    ['JSON', [JSON.stringify(ids)]],
    ['what tokenize prints', [JSON.stringify({ ids })]],
    ['a file', ['--ids-file', file(ids.join('\n'))]],
  ])('reads %s', async (_, args) => {
    expect((await runClass('detokenize', ['-m', bare, ...args])).stdout).toBe(`${TEXT}\n`)
  })

  test('leaves special tokens out, and shows half characters as U+FFFD', async () => {
    const skipped = await runClass('detokenize', ['-m', model, '--skip-special-tokens', ...ids.map(String)])
    expect(skipped.stdout).toBe(`${TEXT.replace('</s>', '')}\n`)
    const half = tokenizer.encode('👍').slice(0, 2)
    expect(await json('detokenize', '-m', model, ...half.map(String))).toMatchObject({
      text: '\uFFFD',
      ids: half,
    })
  })
})

testRefusals('bad ids and texts', [
  {
    name: 'an id beyond the vocabulary',
    command: 'detokenize',
    args: ['-m', model, '100000'],
    code: 2,
    says: /^There is no token 100000: the highest one of the vocabulary is \d+\.$/,
  },
  {
    name: 'no number',
    command: 'detokenize',
    args: ['-m', model, '1', 'x'],
    code: 2,
    says: '"x" is no token id: give whole numbers from 0 on.',
  },
  {
    name: 'a fraction',
    command: 'detokenize',
    args: ['-m', model, '1.5'],
    code: 2,
    says: '"1.5" is no token id: give whole numbers from 0 on.',
  },
  {
    name: 'a number beyond the exact ones',
    command: 'detokenize',
    args: ['-m', model, '99999999999999999999'],
    code: 2,
    says: /is no token id/,
  },
  {
    name: 'an object without ids',
    command: 'detokenize',
    args: ['-m', model, '{"a":1}'],
    code: 2,
    says: /no list "ids"/,
  },
  {
    name: 'no ids',
    command: 'detokenize',
    args: ['-m', model, ''],
    code: 2,
    says: /^The list of ids is empty/,
  },
  { name: 'no text', command: 'tokenize', args: ['-m', model, ''], code: 2, says: /^The text is empty/ },
  {
    name: 'a chat without a template',
    command: 'tokenize',
    args: ['-m', model, '--chat', 'a'],
    code: 2,
    says: /chat template/,
  },
  {
    name: 'messages that are none',
    command: 'tokenize',
    args: ['-m', chatModel, '--messages', file('[1]')],
    code: 2,
    says: /is no list of messages/,
  },
  {
    name: 'a text beside messages',
    command: 'tokenize',
    args: ['-m', chatModel, '--messages', file('[]'), 'a'],
    code: 2,
    says: /both given/,
  },
  {
    name: 'a switch that the template lacks',
    command: 'tokenize',
    args: ['-m', chatModel, '--chat', '--chat-template', '{{ messages[0].content }}', '--thinking', 'a'],
    code: 2,
    says: /has no such switch/,
  },
  {
    name: 'a model that is not there',
    command: 'tokenize',
    args: ['-m', join(home, 'none'), 'a'],
    code: 2,
    says: /^There is no model at/,
  },
])

describe('words in flags, several samples and thinking', () => {
  const on = (...args: string[]) => ['-m', model, '--device', 'cpu', ...args]

  test('decide what llm generate says', async () => {
    const plain = await json('generate', ...on('hello', '--max-new-tokens', '8'))
    const word = tokenizer.decode([plain.ids[0]])
    const without = await json(
      'generate',
      ...on('hello', '--max-new-tokens', '8', '--logit-bias', `${word}=-1000`),
    )
    expect(without.ids).not.toContain(plain.ids[0])
    const eos = await json(
      'generate',
      ...on('hello', '--max-new-tokens', '8', '--eos', tokenizer.idToToken(plain.ids[0])!),
    )
    expect(eos.ids).toEqual([plain.ids[0]])
  })

  test('choose one of several samples, also by a command', async () => {
    const args = on('hello', '--do-sample', '--seed', '1', '--max-new-tokens', '4', '--best-of', '3')
    const { text, samples, chosen } = await json('generate', ...args)
    expect(samples).toHaveLength(3)
    expect(samples[chosen].text).toBe(text)
    const scored = await json('generate', ...args, '--scorer', 'wc -c')
    expect(scored.samples.map(({ score }: { score: number }) => score)).toEqual(
      scored.samples.map((sample: { text: string }) => Buffer.byteLength(sample.text)),
    )
    const shown = await runClass('generate', args)
    expect(shown.stdout).toBe(`${text}\n`)
  })

  test('serve rows of a batch', async () => {
    const rows = [
      { id: 'a', prompt: 'hello', best_of: 3, do_sample: true, select_by: 'mbr', seed: 1 },
      { id: 'b', prompt: 'hello', bad_words: ['e'] },
    ]
    const input = file(rows.map((row) => JSON.stringify(row)).join('\n'))
    const { stdout, code } = await runClass('batch', [
      input,
      ...on('--max-new-tokens', '4', '--order', 'input'),
    ])
    expect(code).toBe(0)
    const [a, b] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(a.samples).toHaveLength(3)
    expect(a.samples[a.chosen].text).toBe(a.text)
    expect(b.text).not.toContain('e')
  })

  test('bound thinking by marks that are given', async () => {
    const args = on(
      '<think>',
      '--max-new-tokens',
      '20',
      '--thinking-budget',
      '3',
      '--thinking-start',
      '<think>',
      '--thinking-end',
      '</think>',
    )
    const { ids } = await json('generate', ...args)
    expect(tokenizer.decode(ids.slice(3))).toMatch(/^.?.?.?.?<\/think>/su)
  })
})

testRefusals('settings without effect', [
  {
    name: 'a choice without samples',
    args: ['-m', model, 'hi', '--select-by', 'mbr'],
    code: 2,
    says: /select_by .* set best_of/,
  },
  {
    name: 'a scorer without samples',
    args: ['-m', model, '--device', 'cpu', 'hi', '--scorer', 'true'],
    code: 2,
    says: /set best_of/,
  },
  {
    name: 'thinking without marks',
    args: ['-m', model, '--device', 'cpu', 'hi', '--thinking-budget', '3'],
    code: 2,
    says: /no marks of thinking/,
  },
  {
    name: 'a wait text without waits',
    args: ['-m', model, '--device', 'cpu', 'hi', '--thinking-wait-text', 'So'],
    code: 2,
    says: /set thinking_waits/,
  },
  {
    name: 'a template without the switch',
    args: [
      '-m',
      chatModel,
      '--device',
      'cpu',
      'hi',
      '--chat-template',
      '{{ messages[0].content }}',
      '--no-thinking',
    ],
    code: 2,
    says: /no such switch/,
  },
  {
    name: 'eos twice',
    args: ['-m', model, '--device', 'cpu', 'hi', '--eos', 'e', '--eos-token-id', '3'],
    code: 2,
    says: /eos_token wins over it/,
  },
])
