import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EvaluationJson } from '../../src/cli/eval/json.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { ended, fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)

isolateEnvironment(home)

// A clock that does not follow the machine's: after ten seconds progress is told, which a machine under load may need.
beforeEach(() => {
  let milliseconds = 0
  vi.spyOn(performance, 'now').mockImplementation(() => ++milliseconds)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const TEXT = 'The cat — né Tom — sat on the mat. “Hi!” it said, and stretched.\n'.repeat(9)

/** Evaluates files as `--json` gives it, without the time that it took. */
async function evaluated(files: readonly string[], args: readonly string[] = [], source = model) {
  const { code, stdout, stderr } = await runClass('eval', ['--json', ...files, ...on(source), ...args])
  expect([code, stderr]).toEqual([0, ''])
  const { seconds, tokens_per_second, ...figures }: EvaluationJson = JSON.parse(stdout)
  expect(tokens_per_second).toBeCloseTo(figures.tokens / seconds, 6)
  return figures
}

const jsonl = (...lines: object[]) =>
  file(lines.map((line) => JSON.stringify(line)).join('\n'), `${++count}.jsonl`)
let count = 0
const natsOf = ({ tokens, nats_per_token }: { tokens: number; nats_per_token: number }) =>
  tokens * nats_per_token

describe('eval', () => {
  test('counts all tokens and bytes of a text, and gives its loss in all units', async () => {
    const figures = await evaluated([file(TEXT)])
    const tokens = tokenizer.encode(TEXT, { addSpecialTokens: false }).length
    const bytes = Buffer.byteLength(TEXT)
    expect(figures).toMatchObject({ tokens, bytes, documents: 1, window: 128, stride: 64 })
    expect(tokens).toBeGreaterThan(128)
    expect(bytes).toBeGreaterThan(TEXT.length)
    const { nats_per_token, perplexity, bits_per_byte } = figures
    expect(Math.log(perplexity)).toBeCloseTo(nats_per_token, 9)
    expect(bits_per_byte).toBeCloseTo((nats_per_token * tokens) / bytes / Math.log(2), 9)
    // A model of random weights knows nothing: a little worse than guessing among its 320 tokens.
    expect(nats_per_token).toBeGreaterThan(Math.log(320) - 0.5)
    expect(nats_per_token).toBeLessThan(12)
  })

  test('prints a figure a line', async () => {
    const path = file(TEXT)
    const { stdout, stderr } = await runClass('eval', [path, ...on(model)])
    const figures = await evaluated([path])
    expect(stderr).toBe('')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['Bits per byte', figures.bits_per_byte.toFixed(4)],
      ['Perplexity', `${figures.perplexity.toFixed(3)} a token`],
      ['Loss', `${figures.nats_per_token.toFixed(4)} nats a token`],
      ['Scored', `${figures.tokens} tokens, ${figures.bytes} bytes, 1 document`],
      ['Window', '128 tokens, moved by 64'],
      ['Time', expect.stringMatching(/^\d+\.\d s, \d+ tok\/s$/)],
    ])
  })

  test('reads compressed texts, and JSONL, alike', async () => {
    const plain = await evaluated([file(TEXT)])
    expect(await evaluated([file(gzipSync(TEXT), 'text.txt.gz')])).toEqual(plain)
    expect(await evaluated([file(brotliCompressSync(TEXT), 'text.txt.br')])).toEqual(plain)
    expect(await evaluated([jsonl({ text: TEXT })])).toEqual(plain)
  })

  test('scores each document for itself', async () => {
    const [one, two] = await Promise.all(['It rained.', 'He went home.'].map((text) => jsonl({ text })))
    const alone = [await evaluated([one]), await evaluated([two])]
    const both = await evaluated([one, two])
    expect(natsOf(both)).toBeCloseTo(natsOf(alone[0]) + natsOf(alone[1]), 4)
    expect(both).toMatchObject({ documents: 2, bytes: 23 })
    const text = file('It rained.\n\nHe went home.')
    expect(await evaluated([text], ['--separator', '\\n\\n'])).toEqual(both)
    expect(await evaluated([text])).toMatchObject({ documents: 1, bytes: 25 })
  })

  test('scores of a prompt and its completion the latter', async () => {
    const [prompt, completion] = ['It rained all day.', ' He went home.']
    const whole = await evaluated([jsonl({ text: prompt + completion })])
    const first = await evaluated([jsonl({ text: prompt })])
    const rest = await evaluated([jsonl({ prompt, completion })])
    expect(natsOf(first) + natsOf(rest)).toBeCloseTo(natsOf(whole), 4)
    expect(rest).toMatchObject({ bytes: completion.length, tokens: whole.tokens - first.tokens })
  })

  test('stops after --max-tokens, whatever follows', async () => {
    const limit = ['--max-tokens', '200']
    const short = await evaluated([file(TEXT)], limit)
    const read = tokenizer.decode(tokenizer.encode(TEXT, { addSpecialTokens: false }).slice(0, 200))
    expect(short).toMatchObject({ tokens: 200, documents: 1, bytes: Buffer.byteLength(read) })
    expect(await evaluated([file(TEXT.repeat(500)), join(home, 'model', 'config.json')], limit)).toEqual(
      short,
    )
  })

  test('moves its window as it is told', async () => {
    const path = file(TEXT)
    const [wide, narrow] = [
      await evaluated([path], ['--stride', '1']),
      await evaluated([path], ['--window', '4']),
    ]
    expect(wide).toMatchObject({ window: 128, stride: 1 })
    expect(narrow).toMatchObject({ window: 4, stride: 2, tokens: wide.tokens, bytes: wide.bytes })
    expect(narrow.nats_per_token).not.toBeCloseTo(wide.nats_per_token, 3)
  })

  test('starts a text with EOS where there is no BOS, and leaves out its first token where there is neither', async () => {
    const path = file(TEXT)
    const whole = await evaluated([path])
    const named = (name: string, tokenizerConfig: Record<string, unknown>) =>
      writeTextModel(join(home, name), { tokenizerConfig })
    const eos = await evaluated([path], [], named('eos', { bos_token: null }))
    expect(eos).toMatchObject({ tokens: whole.tokens, bytes: whole.bytes })
    expect(eos.nats_per_token).not.toBe(whole.nats_per_token)
    const neither = await evaluated([path], [], named('neither', { bos_token: null, eos_token: null }))
    expect(neither).toMatchObject({ tokens: whole.tokens - 1, bytes: whole.bytes - 1 })
  })

  test('gives on Ctrl-C the figures so far, and exits 130', async () => {
    // A clock that makes ten seconds pass at once, after which progress is told.
    const clock = 'const now = performance.now.bind(performance); performance.now = () => 1e5 * now()'
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(clock)}` }
    const text = file(TEXT.repeat(100))
    const child = new Llm(home).start(['eval', '--json', text, ...on(model, '--stride', '1')], env)
    child.stderr.once('data', () => child.kill('SIGINT'))
    const { code, stdout, stderr } = await ended(child)
    expect(stderr).toMatch(/^(Scored \d+ tokens, \d+\.\d{3} nats each, \d+ tok\/s\n)+$/)
    expect(code).toBe(130)
    const { tokens, documents, bytes } = JSON.parse(stdout)
    expect(documents).toBe(1)
    expect(tokens).toBeGreaterThan(100)
    expect(bytes).toBeLessThan(100 * Buffer.byteLength(TEXT))
  })
})

const text = file(TEXT)
const empty = file(' \n')
const chat = file('{"messages": [{"role": "assistant", "content": "Hi"}]}', 'chat.jsonl')
const prompts = file('{"prompt": "a", "completion": ""}', 'prompts.jsonl')
mkdirSync(join(home, 'folder'))

testRefusals(
  'eval refuses',
  [
    {
      name: 'no file',
      args: on(model),
      code: 2 as const,
      says: /^llm eval needs FILES: text or JSON Lines, .+\.$/,
    },
    {
      name: 'a stride for a drafter',
      args: [text, ...on(model), '--drafter', 'medusa', '--stride', '8'],
      code: 2 as const,
      says: /--stride=8 cannot also be provided when using --drafter/,
    },
    {
      name: 'a drafter on a GPU',
      args: [text, '-m', model, '--drafter', 'medusa', '--device', 'cuda'],
      code: 2 as const,
      says: /^--device cannot be cuda with --drafter/,
    },
    {
      name: 'the number of a GPU for a drafter',
      args: [text, '-m', model, '--drafter', 'medusa', '--device-id', '1'],
      code: 2 as const,
      says: /^--device-id has no effect with --drafter/,
    },
    {
      name: 'a drafter in 4 bits',
      args: [text, ...on(model), '--drafter', 'medusa', '--dtype', 'int4'],
      code: 2 as const,
      says: /^--dtype cannot be int4 with --drafter/,
    },
    {
      name: 'a drafter that is not there',
      args: [text, ...on(model), '--drafter', join(home, 'none')],
      code: 2 as const,
      says: /^There is no model at \S+none: /,
    },
    {
      name: 'a window for a drafter that is too long',
      args: [text, ...on(model), '--drafter', model, '--window', '4096'],
      code: 2 as const,
      says: /^The window cannot be 4096: /,
    },
    {
      name: 'a missing file',
      args: [join(home, 'none.txt'), ...on(model)],
      code: 1 as const,
      says: /none\.txt cannot be read: there is no such file/,
    },
    {
      name: 'a folder',
      args: [join(home, 'folder'), ...on(model)],
      code: 1 as const,
      says: /cannot be read: it is a directory\.$/,
    },
    { name: 'an empty text', args: [empty, ...on(model)], code: 2 as const, says: /^.+ holds no text/ },
    {
      name: 'a chat',
      args: [chat, ...on(model)],
      code: 2 as const,
      says: `${chat}, line 1 is a chat, which is not scored: give "prompt" and "completion".`,
    },
    {
      name: 'an empty completion',
      args: [prompts, ...on(model)],
      code: 2 as const,
      says: /prompts\.jsonl, line 1 is no/,
    },
    {
      name: 'a window beyond the positions',
      args: [text, ...on(model, '--window', '129')],
      code: 2 as const,
      says: 'The window cannot be 129: the model takes 2 to 128 tokens.',
    },
    {
      name: 'a stride without context',
      args: [text, ...on(model, '--window', '16', '--stride', '20')],
      code: 2 as const,
      says: 'The stride cannot be 20: between 1 and 15 it leaves context in a window of 16.',
    },
    {
      name: 'no tokens',
      args: [text, ...on(model, '--max-tokens', '0')],
      code: 2 as const,
      says: '--max-tokens: Expected an integer greater than or equal to 1 but received: 0. See --help.',
    },
    {
      name: 'an empty separator',
      args: [text, ...on(model, '--separator', '')],
      code: 2 as const,
      says: 'The separator of documents is empty: leave it out, or give a text.',
    },
  ].map((row) => ({ ...row, command: 'eval' })),
)
