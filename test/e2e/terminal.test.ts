import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { BIN, ended, environment, fileWriter, on, type Run, temporaryDirectory } from './cli.js'
import { dictation, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)
const dictate = (said: string) => ['--config', file(dictation(tokenizer, '>', said))]

/** Starts `llm generate` on a pseudo-terminal, whose output and input are those of the process. */
function startOnTerminal(args: readonly string[], size = 'cols 70 rows 12') {
  const command = [process.execPath, BIN, 'generate', ...args].map((arg) => `'${arg}'`).join(' ')
  return spawn('script', ['-qec', `stty ${size} -echo; exec ${command}`, '/dev/null'], {
    env: environment(home, { SHELL: '/bin/sh', TERM: 'xterm-256color' }),
  })
}

function runOnTerminal(args: readonly string[], size?: string): Promise<Run> {
  const child = startOnTerminal(args, size)
  child.stdin.end()
  return ended(child)
}

const ESCAPE = '\u001b'
const CODES = new RegExp(`${ESCAPE}\\[([?\\d;]*)([A-Za-z])|\\r|\\n|[^${ESCAPE}\\r\\n]+`, 'g')

/** What is on a terminal in the end, scrolled back to the top: text, and the codes by which ink draws a frame again. */
function screen(output: string): string {
  const rows = ['']
  let row = 0
  let column = 0
  for (const [text, count, code] of output.matchAll(CODES)) {
    if (text === '\r') column = 0
    else if (text === '\n') row++
    else if (code === 'A') row -= Number(count || 1)
    else if (code === 'G') column = Number(count || 1) - 1
    else if (code === 'K') rows[row] = ''
    else if (code === undefined) {
      rows[row] = rows[row].slice(0, column).padEnd(column) + text + rows[row].slice(column + text.length)
      column += text.length
    }
    rows[row] ??= ''
  }
  return rows.join('\n')
}

const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false
if (!hasScript) console.warn('The tests of the terminal are skipped: script of util-linux is missing.')

describe.skipIf(!hasScript)('on a terminal', () => {
  test('of beams there is in the end the text, once', async () => {
    const said = 'A line that settles while beams go on, and then one more. No more of it. The end.'
    const args = ['beam', ...on(model, '>'), ...dictate(said), '--num-beams', '3']
    const { code, stdout } = await runOnTerminal(args, 'cols 40 rows 12')
    expect(code).toBe(0)
    const shown = screen(stdout).replace(/\s+/g, ' ')
    expect(shown.startsWith(`${said} 1 prompt`)).toBe(true)
    expect(shown).not.toContain('│')
  })

  test('text and statistics are shown, the latter dimmed', async () => {
    const { code, stdout } = await runOnTerminal([...on(model, '>'), ...dictate('Hi!\nA terminal.')])
    expect(screen(stdout)).toMatch(
      /^Hi!\nA terminal\.\n1 prompt \+ \d+ generated tokens · first after .+ s · .+ tok\/s ·\s+peak .+ MB\n$/,
    )
    expect(stdout).toContain(`${ESCAPE}[2m`)
    expect(code).toBe(0)
  })

  test('a text longer than the terminal is shown whole, and does not clear what is above it', async () => {
    const said = Array.from({ length: 20 }, (_, i) => String.fromCharCode(65 + i)).join('\n')
    for (const count of [1, 4]) {
      const several = count > 1 ? ['--do-sample', '--num-return-sequences', `${count}`] : []
      const { code, stdout } = await runOnTerminal([...on(model, '>'), ...dictate(said), ...several])
      for (const clear of ['[2J', '[3J']) expect(stdout).not.toContain(ESCAPE + clear)
      expect(screen(stdout).split(`${said}\n`)).toHaveLength(count + 1)
      expect(code).toBe(0)
    }
  })

  test('control characters of a text, a name and a template come as escapes', async () => {
    const said = 'Red \u001b[31m and \u009b and \u0007.'
    const written = 'Red \\u001b[31m and \\u009b and \\u0007.'
    for (const size of ['cols 70 rows 12', 'cols 0 rows 0']) {
      const { stdout } = await runOnTerminal([...on(model, '>'), ...dictate(said)], size)
      expect(stdout).toContain(written)
      expect(stdout).not.toContain(`${ESCAPE}[31m`)
      for (const control of '\u0007\u009b') expect(stdout).not.toContain(control)
    }
    const template = file("{{ raise_exception('a \u001b[31m b') }}")
    const refused = await runOnTerminal([...on(model, '>'), '--chat-template', template])
    expect(refused.stdout).toContain('a \\u001b[31m b')
    expect(refused.stdout).not.toContain(`${ESCAPE}[31m`)
    const json = await runOnTerminal([...on(model, '>'), ...dictate(said), '--json'])
    for (const control of '\u0007\u009b') expect(json.stdout).not.toContain(control)
    expect(JSON.parse(json.stdout.slice(json.stdout.indexOf('{\r\n'))).text).toBe(said)
  })

  test('without a size the text comes as in a pipe', async () => {
    const { code, stdout } = await runOnTerminal([...on(model, '>'), ...dictate('Plain.')], 'cols 0 rows 0')
    expect(stdout).toMatch(/^Plain\.\r\n1 prompt \+ .+\r\n$/)
    expect(code).toBe(0)
  })

  test('an error comes after what was written', async () => {
    // Every token is forbidden after the first one.
    const [first] = tokenizer.encode('Well')
    const pairs = Array.from({ length: 320 }, (_, id) => [first, id])
    const forbidden = ['--bad-words-ids', JSON.stringify(pairs)]
    const { code, stdout } = await runOnTerminal([...on(model, '>'), ...dictate('Well'), ...forbidden])
    expect(screen(stdout)).toMatch(/^W\nError: No token can follow: .+\.\n$/s)
    expect(code).toBe(1)
  })

  test('Ctrl-C keeps what was written, and the statistics', async () => {
    const endless = writeTextModel(join(home, 'endless'), {
      config: { max_position_embeddings: 100_000 },
      generationConfig: { made_up: 1 },
    })
    const args = on(endless, 'hello', '--suppress-tokens', '2', '--max-new-tokens', '90000')
    const child = startOnTerminal(args)
    // First it tells of the setting, then it writes; a second Ctrl-C would kill it.
    let seen = ''
    const interrupt = (chunk: Buffer) => {
      seen += chunk
      if (!/made_up.*\n[a-z ]/s.test(screen(seen))) return
      child.stdout.off('data', interrupt)
      child.stdin.write('\x03')
    }
    child.stdout.on('data', interrupt)
    const { code, stdout } = await ended(child)
    expect(code).toBe(130)
    expect(screen(stdout)).toMatch(/\n3 prompt \+ \d+ generated tokens · /)
  })
})
