import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { loadModel, streamToolCalls, type ToolDelta } from '../../src/index.js'
import { BIN, fileWriter, isolateEnvironment, Llm, on, temporaryDirectory } from './cli.js'
import { json } from './generation.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
isolateEnvironment(home)
const llm = new Llm(home)
/** A template that knows tools as Hermes does, and shows what it is given. */
const TEMPLATE = `{% if tools %}<tools>{{ tools | tojson }}</tools>
{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>
{{ '{"name": "' ~ c.function.name ~ '", "arguments": ' ~ c.function.arguments | tojson ~ '}' }}
</tool_call>{% endfor %}
{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`
const config = { max_position_embeddings: 100_000 }
const generationConfig = { max_new_tokens: 120 }
const model = writeTextModel(join(home, 'model'), {
  config,
  generationConfig,
  tokenizerConfig: { chat_template: TEMPLATE },
})
const secret = file('The word is swordfish.\nTwo\nThree\nFour\nFive\nSix\nSeven\n', 'secret.txt')

function toolFile(command: unknown, name: string): string {
  const parameters = { type: 'object', properties: { path: { const: secret } }, required: ['path'] }
  return file(
    JSON.stringify([{ type: 'function', function: { name: 'read_file', parameters }, command }]),
    name,
  )
}
const reading = toolFile(['cat', '{path}'], 'reading.json')
const REQUIRED = ['--tool-choice', 'required', '--no-parallel-tool-calls']
const CALL = ['--tools', reading, ...REQUIRED]

test('an answer of calls has them as its value, in the form of the template’s family', async () => {
  const { text, value } = await json(on(model, 'hello', ...CALL))
  const given = JSON.stringify({ path: secret })
  expect(value).toEqual({
    content: '',
    tool_calls: [{ id: 'call00000', type: 'function', function: { name: 'read_file', arguments: given } }],
  })
  expect(text).toMatch(
    /^<tool_call>\n\{"name": "read_file", "arguments": \{"path": ?".*"\}\}\n<\/tool_call>$/,
  )
})

test.each(['generic', 'qwen-coder', 'pythonic', 'llama3'])('a format of one’s own: %s', async (format) => {
  const { value } = await json(on(model, 'hello', ...CALL, '--tool-format', format))
  expect(value).toMatchObject({ tool_calls: [{ function: { name: 'read_file' } }] })
})

test('an answer streams: names first, then pieces of the arguments', async () => {
  const loaded = await loadModel(model)
  const tools = JSON.parse(readFileSync(reading, 'utf8'))
  const prompt = [{ role: 'user', content: 'hello' }]
  const settings = { tools, tool_choice: 'required', parallel_tool_calls: false, max_new_tokens: 120 }
  const deltas: ToolDelta[] = []
  for await (const delta of streamToolCalls(loaded, prompt, settings)) deltas.push(delta)
  await loaded.dispose()
  expect(deltas[0]).toMatchObject({ type: 'call', index: 0, name: 'read_file' })
  const pieces = deltas.slice(1).map((delta) => (delta.type === 'arguments' ? delta.text : ''))
  expect(pieces.length).toBeGreaterThan(3)
  expect(pieces.join('')).toBe(JSON.stringify({ path: secret }))
})

const chat = (args: readonly string[], lines: readonly string[], tools = reading) =>
  llm.run(['chat', ...on(model, '--tools', tools, ...REQUIRED, '--seed', '1', ...args)], {
    input: lines.join('\n'),
  })

test('a chat runs the command of a call after --yes, and tells the model of its output', async () => {
  const path = join(home, 'chat.json')
  const { code, stdout, stderr } = await chat(['--yes', '--tool-rounds', '1'], ['Read it.', `/save ${path}`])
  expect(code).toBe(0)
  expect(stdout).toContain('"name": "read_file"')
  expect(stderr).toContain('The word is swordfish.')
  // The rest of the output is folded.
  expect(stderr).toContain('… 2 more lines')
  expect(stderr).not.toContain('Seven')
  const { messages } = JSON.parse(readFileSync(path, 'utf8'))
  expect(messages.slice(0, 3)).toMatchObject([
    { role: 'user', content: 'Read it.' },
    { role: 'assistant', tool_calls: [{ function: { name: 'read_file', arguments: { path: secret } } }] },
    { role: 'tool', name: 'read_file', content: readFileSync(secret, 'utf8') },
  ])
})

test('without a yes nothing is run, and the model is told', async () => {
  const path = join(home, 'refused.json')
  const { stdout, stderr } = await chat(['--tool-rounds', '1'], ['Read it.', `/save ${path}`])
  expect(stdout + stderr).not.toContain('swordfish')
  expect(stderr).toContain('Nobody can be asked: add --yes.')
  const { messages } = JSON.parse(readFileSync(path, 'utf8'))
  expect(messages[2]).toMatchObject({ role: 'tool', content: 'The user did not allow this call.' })
})

test.each([
  ['fails', ['sh', '-c', 'echo oh; exit 3'], 'oh\n\nThe tool failed: exit code 3.'],
  ['hangs', ['sleep', '600'], 'The tool took longer than 1 s, and was ended.'],
  ['is not there', ['no-such-tool-here'], 'The tool cannot be run: '],
  ['reads its arguments', ['cat'], '{"path":'],
])('a tool that %s has a result that says so', async (name, command, said) => {
  const path = join(home, `${name}.json`)
  const tools = toolFile(command, `${name} tools.json`)
  const args = ['--yes', '--tool-rounds', '1', '--tool-timeout', '1']
  const { code } = await chat(args, ['Go.', `/save ${path}`], tools)
  expect(code).toBe(0)
  const { messages } = JSON.parse(readFileSync(path, 'utf8'))
  expect(messages[2].content).toContain(said)
})

test('a tool without a command leaves its result to whoever chats', async () => {
  const tools = file('- name: ask\n', 'ask.yaml')
  const { stderr } = await chat([], ['Go.'], tools)
  expect(stderr).toContain('No command runs ask: what you write next is its result.')
})

testRefusals('tools refuse', [
  {
    name: 'a choice that no tool has',
    command: 'generate',
    args: on(model, 'x', '--tools', reading, '--tool-choice', 'write_file'),
    code: 2,
    says: /^tool_choice names "write_file", which no tool is called/,
  },
  {
    name: 'another language beside them',
    command: 'generate',
    args: on(model, 'x', '--tools', reading, '--regex', 'a'),
    code: 2,
    says: /^regex is "a" while tools is .*, but a text is held to one language/,
  },
  {
    name: 'a choice without tools',
    command: 'generate',
    args: on(model, 'x', '--tool-choice', 'required'),
    code: 2,
    says: 'tool_choice is "required", but has no effect: set tools.',
  },
  {
    name: 'a command for a shell that was not asked for',
    command: 'generate',
    args: on(model, 'x', '--tools', toolFile('cat a | sh', 'shell.json')),
    code: 2,
    says: /would read: give a list of words, or set "shell" to true\.$/,
  },
])

const SOCKET = `llm-tools-${process.pid}`
const hasTmux = spawnSync('tmux', ['-V']).status === 0
const tmux = (...args: string[]) => execFileSync('tmux', ['-L', SOCKET, ...args], { encoding: 'utf8' })

describe.skipIf(!hasTmux)('on a terminal', () => {
  afterAll(() => {
    spawnSync('tmux', ['-L', SOCKET, 'kill-server'])
  })

  test.each([
    ['y', 'The word is swordfish.'],
    ['n', 'The user did not allow this call.'],
  ])('the answer %s to the question decides', { timeout: 120_000 }, async (answer, said) => {
    const name = `tools-${answer}`
    const args = ['chat', ...on(model, ...CALL, '--seed', '1', '--tool-rounds', '1')]
    const command = [process.execPath, BIN, ...args].map((arg) => `'${arg}'`).join(' ')
    tmux('new-session', '-d', '-s', name, '-x', '150', '-y', '40', `${command}; exec cat`)
    const shown = () => tmux('capture-pane', '-p', '-J', '-t', name, '-S', '-')
    const sees = (text: string | RegExp) =>
      vi.waitFor(() => expect(shown()).toMatch(text), { timeout: 60_000, interval: 50 })
    await sees(/tokens in cache$/m)
    tmux('send-keys', '-t', name, 'Read it.', 'Enter')
    await sees('[y/N]')
    expect(shown()).not.toContain('swordfish')
    tmux('send-keys', '-t', name, answer, 'Enter')
    await sees(said)
    if (answer === 'n') expect(shown()).not.toContain('swordfish')
  })
})
