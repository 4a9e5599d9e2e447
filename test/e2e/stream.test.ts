import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { ended, fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { json, STATISTICS, text } from './generation.js'
import { dictation, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)
const dictate = (said: string) => ['--config', file(dictation(tokenizer, '>', said))]

/** Has an endless context, and tells of a setting when it begins. */
const endlessModel = writeTextModel(join(home, 'endless'), {
  config: { max_position_embeddings: 100_000 },
  generationConfig: { made_up: 1 },
})
const writing = (tokens: number) =>
  on(endlessModel, 'hello', '--suppress-tokens', '2', '--max-new-tokens', `${tokens}`)
/** Minutes of it. */
const tireless = writing(90_000)

isolateEnvironment(home)

describe('a stream', () => {
  test('has whole characters in every chunk', async () => {
    const said = 'ñandú 日本語 👩‍👧 é😀 한'
    expect(tokenizer.encode(said).length).toBeGreaterThan([...said].length)
    const child = llm.start(['generate', ...on(model, '>'), ...dictate(said)])
    child.stdin.end()
    const read: Buffer[] = []
    for await (const chunk of child.stdout) read.push(chunk)
    const utf8 = new TextDecoder('utf-8', { fatal: true })
    const pieces = read.map((chunk) => utf8.decode(chunk))
    expect(pieces.join('')).toBe(`${said}\n`)
    for (const piece of pieces) expect(piece).not.toContain('\ufffd')
  })

  test('ends before a stop string that runs over token borders, of which no part is written', async () => {
    const said = 'ask S, ST, STO! but STOP and more'
    expect(tokenizer.encode('STOP').map((id) => tokenizer.idToToken(id))).toEqual(['ST', 'OP'])
    for (const [stop, rest] of [
      ['STOP', 'ask S, ST, STO! but '],
      ['TO', 'ask S, ST, S'],
      ['P a', 'ask S, ST, STO! but STO'],
    ]) {
      const args = on(model, '>', ...dictate(said), '--stop', stop)
      expect((await llm.run(['generate', ...args])).stdout).toBe(`${rest}\n`)
      expect(await json(args)).toMatchObject({ text: rest, finish_reason: 'stop' })
    }
  })

  test('has what looked like a stop string and was none', async () => {
    const said = 'now STO'
    const args = on(model, '>', ...dictate(said), '--stop', 'STOP', '--stop', 'never')
    expect(await text(args)).toBe(said)
  })

  test('has no escape codes in a pipe, whatever the terminal', async () => {
    for (const env of [{ FORCE_COLOR: '1', TERM: 'xterm-256color' }, { NO_COLOR: '1' }]) {
      const { stdout, stderr } = await llm.run(['generate', ...on(model, '>', ...dictate('Yes.'))], {
        env,
      })
      expect(stdout + stderr).not.toContain('\u001b')
    }
  })

  test('ends quietly when its reader has gone', async () => {
    const run = await llm.shell(`set -o pipefail; $LLM generate ${tireless.join(' ')} | head -c 10`)
    expect(Buffer.byteLength(run.stdout)).toBeGreaterThanOrEqual(10)
    expect(run.stderr).toMatch(/^made_up .*\n$/)
    expect(run.code).toBe(0)
    const listed = await llm.shell(
      `set -o pipefail; $LLM generate --json ${on(model, 'hello').join(' ')} | head -c 1`,
    )
    expect(listed).toEqual({ stdout: '{', stderr: '', code: 0 })
  })
})

describe('Ctrl-C', () => {
  test('keeps what was written, and exits 130', async () => {
    const child = llm.start(['generate', ...tireless])
    child.stdin.end()
    child.stdout.once('data', () => child.kill('SIGINT'))
    const { code, stdout, stderr } = await ended(child)
    expect(code).toBe(130)
    expect(stdout).toMatch(/.+\n$/s)
    const start = JSON.parse((await runClass('generate', ['--json', ...writing(3)])).stdout)
    expect(stdout.startsWith(start.text.replace(/\ufffd+$/, ''))).toBe(true)
    expect(stderr.replace(/^made_up .*\n/, '')).toMatch(STATISTICS)
  })

  test('leaves one object with --json', async () => {
    const child = llm.start(['generate', '--json', ...tireless])
    child.stdin.end()
    child.stderr.once('data', () => child.kill('SIGINT'))
    const { code, stdout } = await ended(child)
    expect(code).toBe(130)
    const { finish_reason, ids, statistics } = JSON.parse(stdout)
    expect(finish_reason).toBe('interrupted')
    expect(ids).toHaveLength(statistics.generated_tokens)
  })

  test('ends a command that waits for its prompt', async () => {
    const tellReading =
      "process.stdin.on('newListener', (name) => { if (name === 'readable') process.stderr.write('reading') })"
    const child = llm.start(['generate', ...on(model)], {
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(tellReading)}`,
    })
    child.stderr.once('data', () => child.kill('SIGINT'))
    const [, signal] = await once(child, 'close')
    expect(signal).toBe('SIGINT')
  })
})
