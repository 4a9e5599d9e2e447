import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { BIN, ended, environment, isolateEnvironment, Llm, on, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
isolateEnvironment(home)
const llm = new Llm(home)
const TEMPLATE =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'
/** All tokens but for letters and the space, so that it writes without end, and what a terminal shows. */
const silent = Array.from({ length: 320 }, (_, id) => id).filter((id) => !/[a-z ]/.test(letter(id)))
const generationConfig = { suppress_tokens: silent, max_new_tokens: 12 }
const config = { max_position_embeddings: 100_000 }
const tokenizerConfig = { chat_template: TEMPLATE }
const model = writeTextModel(join(home, 'model'), { config, generationConfig, tokenizerConfig })
const plain = writeTextModel(join(home, 'plain'), { config, generationConfig })

function letter(id: number): string {
  return id >= 3 && id < 3 + 128 ? String.fromCharCode(id - 3) : ''
}

const chat = (args: readonly string[], input: string) => llm.run(['chat', ...args], { input })

testRefusals('llm chat refuses', [
  {
    name: 'a prompt',
    command: 'chat',
    args: on(model, 'Hello'),
    code: 2,
    says: /^llm chat takes no argument: leave "Hello" out\.$/,
  },
  {
    name: 'a system prompt without a template',
    command: 'chat',
    args: on(plain, '--system', 'Be kind.'),
    code: 2,
    says: 'A system prompt needs a chat template: start the chat with --chat-template.',
  },
  {
    name: 'a system prompt without the template',
    command: 'chat',
    args: on(model, '--raw', '--system', 'Be kind.'),
    code: 2,
    says: '--system has no effect with --raw: leave one of them out.',
  },
  {
    name: 'a strategy that the model cannot serve',
    command: 'chat',
    args: on(model, '--strategy', 'medusa'),
    code: 2,
    says: 'There are no Medusa heads: start the chat with --medusa-heads, or make some with `llm train medusa`.',
  },
  {
    name: 'a setting that has no effect',
    command: 'chat',
    args: on(model, '--temperature', '0.7'),
    code: 2,
    says: 'temperature is 0.7, but has no effect: set do_sample to true.',
  },
  {
    name: "a setting against the strategy's",
    command: 'chat',
    args: on(model, '--strategy', 'sample', '--no-do-sample'),
    code: 2,
    says: 'do_sample is true under the strategy sample: choose another strategy.',
  },
])

describe('without a terminal', () => {
  test('each line is a turn or a command; answers are on stdout, and all else on stderr', async () => {
    const path = join(home, 'lines.json')
    const lines = ['Hello', '', '/stats', '/strategy lookup', 'And then?', '/stats', `/save ${path}`]
    const { code, stdout, stderr } = await chat(on(model, '--seed', '3'), lines.join('\n'))
    expect(code).toBe(0)
    const answers = stdout.split('\n')
    expect(answers).toHaveLength(3)
    const saved = JSON.parse(readFileSync(path, 'utf8'))
    expect(saved).toMatchObject({ format: 'llm-chat', strategy: 'lookup', seed: 3, answers: 2 })
    expect(saved.messages.map(({ content }: { content: string }) => content)).toEqual([
      'Hello',
      answers[0],
      'And then?',
      answers[1],
    ])
    const [first, second] = [...stderr.matchAll(/(\d+) prompt \((\d+) cached\) \+ 12 generated tokens · /g)]
    expect(first[2]).toBe('0')
    expect(Number(second[2])).toBeGreaterThan(Number(first[1]))
    expect(stderr).toContain('Strategy: lookup.\n')
    expect(stderr).toContain(`Saved 4 messages to ${path}.\n`)
    const again = await chat(on(model), `/load ${path}\n/regenerate\n`)
    expect(again.stdout).toBe(`${answers[1]}\n`)
  })

  test('with --json each answer is an object, and so is each error', async () => {
    const { code, stdout, stderr } = await chat(['--json', ...on(model)], 'Hello\n/magic\nAgain\n/stats\n')
    const [first, error, second] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(first).toMatchObject({ finish_reason: 'length', statistics: { cached_tokens: 0 } })
    expect(error.error.message).toMatch(/^There is no command \/magic/)
    const { prompt_tokens, cached_tokens } = second.statistics
    expect(cached_tokens).toBeGreaterThan(first.statistics.prompt_tokens)
    expect(prompt_tokens).toBeGreaterThan(cached_tokens)
    expect(second.seed).toBe(first.seed + 1)
    expect(stderr).toMatch(/^2 answers: /m)
    expect(code).toBe(1)
  })

  test('a line that cannot be served is told, and the chat goes on', async () => {
    const broken = Buffer.from([0xff, 0x0a])
    const input = Buffer.concat([broken, Buffer.from('/set top_p 3\r\nHello\r\n')])
    const { code, stdout, stderr } = await llm.run(['chat', ...on(plain)], { input })
    expect(stderr).toBe(
      'No chat template: what you write is continued, just as it is.\n' +
        'Error: Line 1 of stdin is not valid UTF-8: convert it first.\n' +
        'Error: top_p in /set cannot be 3: give 1 or less.\n' +
        'Stopped at 12 tokens: /set max_new_tokens.\n',
    )
    expect(stdout).toMatch(/^[a-z ]+\n$/)
    expect(code).toBe(1)
  })

  test('Ctrl-C keeps what was written', async () => {
    const child = llm.start(['chat', ...on(model, '--max-new-tokens', '90000')])
    child.stdin.write('Hello\n')
    child.stdout.once('data', () => child.kill('SIGINT'))
    const { code, stdout, stderr } = await ended(child)
    expect(code).toBe(130)
    expect(stdout).toMatch(/^[a-z ]+\n$/)
    expect(stderr).toBe('')
  })
})

const SOCKET = `chat-${process.pid}`
const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-L', SOCKET, '-f', '/dev/null', ...args], {
    env: environment(home),
    encoding: 'utf8',
  })
const hasTmux = spawnSync('tmux', ['-V']).status === 0
if (!hasTmux) console.warn('The tests of the chat on a terminal are skipped: tmux is missing.')

describe.skipIf(!hasTmux)('on a terminal', () => {
  afterAll(() => {
    spawnSync('tmux', ['-L', SOCKET, 'kill-server'])
  })

  /** Starts `llm chat` in a terminal of its own, which stays when it has ended. */
  function start(name: string, args: readonly string[]) {
    const command = [process.execPath, BIN, 'chat', ...args].map((arg) => `'${arg}'`).join(' ')
    tmux('new-session', '-d', '-s', name, '-x', '100', '-y', '40', `${command}; echo "exit $?"; exec cat`)
    const shown = () => tmux('capture-pane', '-p', '-J', '-t', name, '-S', '-')
    return {
      shown,
      type: (...keys: string[]) => tmux('send-keys', '-t', name, ...keys),
      /** Waits until the terminal shows it. */
      sees: (text: RegExp | string) =>
        vi.waitFor(() => expect(shown()).toMatch(text), { timeout: 60_000, interval: 50 }),
    }
  }

  test('types, stops an answer, switches strategy, saves and loads', { timeout: 240_000 }, async () => {
    const path = join(home, 'terminal.json')
    const { type, sees, shown } = start('chat', on(model, '--seed', '1', '--max-new-tokens', '90000'))
    await sees(/^greedy search · 0 tokens in cache$/m)
    type('Helo', 'Left', 'l', 'End', ' there', 'M-Enter', 'you', 'Enter')
    await sees(/^> Hello there\n {2}you *\n[a-z ]+\n/m)
    await sees(/^greedy search · [\d.]+ tok\/s · \d+ tokens in cache$/m)
    type('C-c')
    await sees(/^Stopped\.$/m)
    type('/stats', 'Enter')
    await sees(/^1 answer: /m)
    const [, first] = /^1 answer: (\d+) prompt \(0 cached\)/m.exec(shown())!

    type('/set max_new_tokens 8', 'Enter', '/strategy lookup', 'Enter')
    await sees(/^Strategy: lookup\.$/m)
    await sees(/^lookup · .*tokens in cache$/m)
    type('And then?', 'Enter', '/stats', 'Enter')
    await sees(/^2 answers: /m)
    const [, prompt, cached] = /(\d+) prompt \((\d+) cached\) \+ 8 generated/.exec(shown())!
    // The first turn is not run again. How much of a stopped answer's text comes to the same tokens depends on where it was stopped;
    // test/chat counts the rest.
    expect(Number(cached)).toBeGreaterThanOrEqual(Number(first))
    expect(Number(prompt)).toBeGreaterThan(Number(cached))

    type(`/save ${path}`, 'Enter')
    await sees(/^Saved 4 messages to /m)
    const { messages, strategy } = JSON.parse(readFileSync(path, 'utf8'))
    expect(strategy).toBe('lookup')
    expect(messages[0].content).toBe('Hello there\nyou')
    expect(messages[1].content).toMatch(/^[a-z ]+$/)

    type('/clear', 'Enter')
    await sees(/^Cleared\.$/m)
    await sees(/ 0 tokens in cache$/m)
    type(`/load ${path}`, 'Enter')
    await sees(/^Loaded 4 messages from /m)
    type('/regenerate', 'Enter')
    // A row of the screen has no spaces at its end; where the first answer was stopped decides whether the second one ends with one.
    await sees(`> /regenerate\n${messages[3].content.trimEnd()}\n`)
    type('Up')
    await sees(/^> \/regenerate *$/m)
    type('C-c', 'C-c', 'C-c')
    await sees(/^exit 0$/m)
  })

  test('refuses --json', { timeout: 120_000 }, async () => {
    const { sees } = start('json', ['--json', ...on(model)])
    await sees('--json is for chats through pipes: leave it out on a terminal.')
    await sees(/^exit 2$/m)
  })
})

test('Ctrl-C is heard between lines that are refused at once', async () => {
  const lines = 10_000
  const child = llm.start(['chat', ...on(model)])
  child.stdin.on('error', () => {})
  child.stderr.once('data', () => child.kill('SIGINT'))
  child.stdin.end('/none\n'.repeat(lines))
  const { code, stderr } = await ended(child)
  expect(code).toBe(130)
  expect(stderr.split('\n').length).toBeLessThan(lines)
})
