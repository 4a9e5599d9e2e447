import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rowSeed } from '../../src/batch/request.js'
import type { BatchJson } from '../../src/cli/batch/batch.js'
import {
  ended,
  fileWriter,
  isolateEnvironment,
  Llm,
  on,
  type Run,
  runClass,
  temporaryDirectory,
} from './cli.js'
import { json } from './generation.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const endless = writeTextModel(join(home, 'endless'), { config: { max_position_embeddings: 100_000 } })

isolateEnvironment(home)

let count = 0
const newPath = () => join(home, `out-${++count}.jsonl`)
const input = (...lines: (object | string)[]) =>
  file(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'))

type OutputRow = Record<string, unknown>
const parsed = (text: string): OutputRow[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const rowsOf = (path: string) => parsed(readFileSync(path, 'utf8'))

const STATISTICS =
  /^(Passed through, .*\n)?\d+ rows?(, \d+ of them from before)? · \d+ failed · .+ tok\/s · .+ s\n$/

/** Runs the command's class, and puts the process's own exit code back. */
async function batch(...args: string[]): Promise<Run> {
  const run = await runClass('batch', args)
  const code = run.code || Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { ...run, code }
}

const ROWS = [
  { id: 'a', prompt: 'hello', tag: 'first' },
  { id: 'b', prompt: 'the sea', max_new_tokens: 5, do_sample: true },
  { prompt: 'one', num_beams: 2, num_return_sequences: 2 },
]

describe('batch', () => {
  test('with token recycling writes the same rows, alone and beside prompt lookup', async () => {
    const rows = input(...['hello', 'the sea', 'hello hello', 'one'].map((prompt, id) => ({ id, prompt })))
    const written = async (...more: string[]) => {
      const out = newPath()
      expect(await batch(rows, '-o', out, ...on(model, '--order', 'input', ...more))).toMatchObject({
        code: 0,
      })
      return rowsOf(out)
    }
    const plain = await written('--max-new-tokens', '30')
    expect(await written('--max-new-tokens', '30', '--strategy', 'recycling')).toEqual(plain)
    expect(await written('--max-new-tokens', '30', '--strategy', 'recycling', '--lookup')).toEqual(plain)
  })

  test('writes the text that generate gives for each row', async () => {
    const out = newPath()
    const run = await batch(input(...ROWS), '-o', out, ...on(model, '--seed', '3', '--order', 'input'))
    expect(run).toMatchObject({ code: 0, stdout: '' })
    expect(run.stderr).toMatch(STATISTICS)
    const [a, b, beams] = rowsOf(out)
    const plain = await json(on(model, 'hello'))
    expect(a).toEqual({
      id: 'a',
      tag: 'first',
      text: plain.text,
      finish_reason: plain.finish_reason,
      prompt_tokens: plain.statistics.prompt_tokens,
      generated_tokens: plain.statistics.generated_tokens,
    })
    const seed = rowSeed(3, 'b')
    const drawn = await json(
      on(model, 'the sea', '--max-new-tokens', '5', '--do-sample', '--seed', `${seed}`),
    )
    expect(b).toMatchObject({ id: 'b', text: drawn.text, seed })
    const searched = await json(on(model, 'one', '--num-beams', '2', '--num-return-sequences', '2'))
    const texts = searched.sequences!.map(({ text, finish_reason }) => ({ text, finish_reason }))
    expect(beams).toMatchObject({ id: 3, sequences: texts })
  })

  test('takes words and biases in all their forms', async () => {
    const forms = [
      { logit_bias: { th: 100 } },
      { logit_bias: 'th=100' },
      { logit_bias: ['th=50', '{" th": 50}', '1=-1'] },
      { logit_bias: 'th' },
      { logit_bias: [['th', 100]] },
      { suppress_words: 'th', logit_bias: { th: false } },
      { bad_words: ['th'], logit_bias: {} },
    ]
    const out = newPath()
    const rows = input(...forms.map((form, id) => ({ id, prompt: 'hello', max_new_tokens: 6, ...form })))
    expect(await batch(rows, '-o', out, ...on(model, '--order', 'input'))).toMatchObject({ code: 1 })
    const written = rowsOf(out)
    const { text } = await json(on(model, 'hello', '--max-new-tokens', '6', '--logit-bias', 'th=100'))
    expect(text).toContain('th')
    expect(written.slice(0, 3).map((row) => row.text)).toEqual([text, text, text])
    expect(written.slice(3, 5).map(({ error }) => error)).toEqual([
      expect.stringMatching(/^logit_bias in the row cannot be "th": give an object/),
      expect.stringMatching(/^logit_bias in the row cannot be \[\["th",100\]\]: give an object/),
    ])
    for (const row of written.slice(5)) expect(row.text).not.toContain('th')
  })

  test('tells with --json what was done, in this run and before', async () => {
    const out = newPath()
    const args = [input(...ROWS, '{'), '-o', out, ...on(model, '--seed', '3', '--json')]
    const first: BatchJson = JSON.parse((await batch(...args)).stdout)
    expect(first).toMatchObject({ rows: 4, resumed: 0, failed: 1 })
    const sum = (field: string) => rowsOf(out).reduce((total, row) => total + Number(row[field] ?? 0), 0)
    expect([first.prompt_tokens, first.generated_tokens]).toEqual([
      sum('prompt_tokens'),
      sum('generated_tokens'),
    ])
    expect(first.tokens_per_second).toBeCloseTo(first.generated_tokens / first.seconds, 6)
    const again = await batch(...args)
    expect(JSON.parse(again.stdout)).toMatchObject({ rows: 4, resumed: 4, failed: 1, generated_tokens: 0 })
    expect(again.code).toBe(1)
  })

  test('gives more of each row where that is asked for', async () => {
    const out = newPath()
    const asked = ['--logprobs', '2', '--return-dict-in-generate']
    // Of one row at a time, as alone, scores are the same to the last bit.
    await batch(input(ROWS[0]), '-o', out, '--max-batch', '1', ...on(model, ...asked))
    const { statistics, config, ...sequence } = await json(on(model, 'hello', '--logprobs', '2'))
    expect(rowsOf(out)[0]).toMatchObject(sequence)
  })

  test('reads stdin and writes stdout', async () => {
    const lines = ROWS.map((row) => JSON.stringify(row)).join('\n')
    const args = ['batch', '-', '-o', '-', ...on(model, '--seed', '3', '--order', 'input')]
    const run = await llm.run(args, { input: lines })
    expect(run.code).toBe(0)
    expect(run.stderr).toMatch(STATISTICS)
    const out = newPath()
    await batch(input(...ROWS), '-o', out, ...on(model, '--seed', '3', '--order', 'input'))
    expect(run.stdout).toBe(readFileSync(out, 'utf8'))
  })

  test('of a stream, rows that need layers of their own are errors', async () => {
    const rows = [
      { id: 'exit', prompt: 'hello', assistant_early_exit: 1 },
      { id: 'dola', prompt: 'hello', dola_layers: [0] },
      { id: 'far', prompt: 'hello', assistant_early_exit: 9 },
    ]
    const args = ['batch', '-', '-o', '-', ...on(model, '--order', 'input')]
    const run = await llm.run(args, { input: rows.map((row) => JSON.stringify(row)).join('\n') })
    expect(run.code).toBe(1)
    const [exit, dola, far] = parsed(run.stdout).map(({ error }) => error)
    expect(exit).toMatch(/^assistant_early_exit is 1, but that was not known when the model was loaded: /)
    expect(dola).toMatch(/^dola_layers is \[0\], but that was not known when the model was loaded: /)
    expect(far).toMatch(/^There is no early exit after layer 9: /)
  })

  test('answers each row of a pipe that stays open', async () => {
    const child = llm.start(['batch', '-', '-o', '-', ...on(model)])
    for (const id of ['a', 'b']) {
      child.stdin.write(`${JSON.stringify({ id, prompt: 'hello' })}\n`)
      const [chunk] = await new Promise<Buffer[]>((resolve) =>
        child.stdout.once('data', (data) => resolve([data])),
      )
      expect(JSON.parse(chunk.toString())).toMatchObject({ id })
    }
    child.stdin.end()
    expect((await ended(child)).code).toBe(0)
  })

  test('takes messages and prompts through the chat template, with a system message of all', async () => {
    const template = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'
    const messages = [{ role: 'user', content: 'hello' }]
    const own = [{ role: 'system', content: 'own' }, ...messages]
    const out = newPath()
    const args = ['--chat-template', template, '--system', 'all', '--order', 'input']
    await batch(input({ prompt: 'hello' }, { messages }, { messages: own }), '-o', out, ...on(model, ...args))
    const raw = async (prompt: string) => (await json(on(model, prompt, '--raw'))).text
    const all = await raw('[system]all[user]hello')
    expect(rowsOf(out).map(({ text }) => text)).toEqual([all, all, await raw('[system]own[user]hello')])
  })

  test('drafts with another model, and loads the layers that rows ask for', async () => {
    const rows = [1, 2, 3].map((id) => ({ id, prompt: 'the sea and the', max_new_tokens: 12 }))
    const texts = async (rows: object[], ...args: string[]) => {
      const out = newPath()
      await batch(input(...rows), '-o', out, ...on(model, '--order', 'input', ...args))
      return rowsOf(out).map(({ text, error }) => text ?? error)
    }
    const plain = await texts(rows)
    expect(await texts(rows, '--assistant-model', model)).toEqual(plain)
    const early = rows.map((row, i) => ({ ...row, ...(i > 0 && { assistant_early_exit: i }) }))
    expect((await texts(early)).slice(0, 2)).toEqual(plain.slice(0, 2))
    const contrasted = await json(
      on(model, 'the sea and the', '--max-new-tokens', '12', '--dola-layers', '[0]'),
    )
    const dola = rows.map((row, i) => ({ ...row, ...(i > 0 && { dola_layers: i === 1 ? [0] : [99] }) }))
    expect(await texts(dola)).toEqual([
      plain[0],
      contrasted.text,
      expect.stringMatching(/^dola_layers names layer 99, /),
    ])
  })
})

describe('what cannot be served', () => {
  const huge = 'x'.repeat(10_000_000)
  const lines = [
    { id: 'good', prompt: 'hello' },
    '{"id": "cut", "prompt": "hel',
    '[1, 2]',
    { id: 'nothing' },
    { id: 'number', prompt: 7 },
    { id: 'good', prompt: 'again' },
    { id: 'long', prompt: huge },
    { id: 'heavy', prompt: 'hello', cargo: huge },
    { id: 'hot', prompt: 'hello', do_sample: true, temperature: -1 },
    '',
    { id: 'last', prompt: 'the sea' },
  ]

  test('is an error of its row, and the exit code tells of it', async () => {
    const out = newPath()
    const run = await llm.run(['batch', input(...lines), '-o', out, ...on(model, '--order', 'input')])
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/^10 rows · 7 failed · /m)
    const rows = rowsOf(out)
    expect(rows.map(({ id, line, error }) => [id ?? line, error])).toEqual([
      ['good', undefined],
      [2, expect.stringMatching(/^Line 2 is not valid JSON: /)],
      [3, expect.stringMatching(/^Line 3 holds no JSON object: /)],
      ['nothing', expect.stringMatching(/^The row has neither prompt nor messages: /)],
      ['number', 'The prompt is no text.'],
      [6, expect.stringMatching(/^Line 6 has the id of line 1, "good": /)],
      [
        'long',
        expect.stringMatching(/^The prompt has 10000000 characters, but the model's context ends at /),
      ],
      ['heavy', undefined],
      ['hot', expect.stringMatching(/^temperature in the row cannot be -1: /)],
      ['last', undefined],
    ])
    expect(rows[7].cargo).toBe(huge)
  })

  test('is tried again with --retry-errors only, and then stands once', async () => {
    const out = newPath()
    const args = ['-o', out, ...on(model, '--order', 'input')]
    const bad = input({ id: 'a', prompt: 'hello', top_p: 3 }, { id: 'b', prompt: 'hello' }, '{')
    expect((await batch(bad, ...args)).code).toBe(1)
    const before = readFileSync(out, 'utf8')
    const mended = input(
      { id: 'a', prompt: 'hello' },
      { id: 'b', prompt: 'hello' },
      { id: 'c', prompt: 'one' },
    )
    // Line 3 has an id now, so the error of line 3 is none of its rows'.
    expect(await batch(mended, ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Error: The output has the row line 3, which the input lacks: /),
    })
    expect(readFileSync(out, 'utf8')).toBe(before)
    expect((await batch(bad, ...args)).code).toBe(1)
    expect(readFileSync(out, 'utf8')).toBe(before)
    expect(await batch(mended, ...args, '--retry-errors')).toMatchObject({ code: 0 })
    expect(rowsOf(out).map(({ id, error }) => [id, error])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
    ])
  })

  test('ends the run with --fail-fast', async () => {
    const out = newPath()
    const rows = [{ id: 'slow', prompt: 'hello', max_new_tokens: 60 }, '{', { id: 'next', prompt: 'hello' }]
    const run = await batch(input(...rows), '-o', out, ...on(model, '--fail-fast'))
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/Error: The row line 2 could not be served: Line 2 is not valid JSON: .+\.\n$/)
    expect(rowsOf(out)).toMatchObject([{ id: null, line: 2 }])
  })
})

const one = input({ prompt: 'hello' })
const blocked = newPath()
writeFileSync(blocked, 'Dear diary')
testRefusals(
  'batch refuses',
  [
    {
      name: 'an input that is not there',
      args: [join(home, 'none.jsonl'), '-o', newPath(), ...on(model)],
      code: 1,
      says: /none\.jsonl cannot be read: there is no such file or directory\.$/,
    },
    {
      name: 'a directory',
      args: [home, '-o', newPath(), ...on(model)],
      code: 2,
      says: /is a directory: give a file/,
    },
    {
      name: 'its input as output',
      args: [one, '-o', one, ...on(model)],
      code: 2,
      says: /is both read and written: /,
    },
    {
      name: 'another file as output',
      args: [one, '-o', blocked, ...on(model)],
      code: 2,
      says: /^Line 1 of \S+ was not written by this command: /,
    },
    {
      name: 'a shard that is none',
      args: [one, '-o', newPath(), ...on(model, '--shard', '3/2')],
      code: 2,
      says: /^--shard cannot be "3\/2": /,
    },
    {
      name: 'settings that no row can be served with',
      args: [one, '-o', newPath(), ...on(model, '--num-beams', '2', '--penalty-alpha', '0.5')],
      code: 2,
      says: /^penalty_alpha is 0.5 while num_beams is 2/,
    },
    {
      name: 'a setting without effect',
      args: [one, '-o', newPath(), ...on(model, '--temperature', '0.5')],
      code: 2,
      says: /^temperature is 0.5, but has no effect: /,
    },
    {
      name: 'an assistant of beams',
      args: [one, '-o', newPath(), ...on(model, '--num-beams', '2', '--assistant-model', model)],
      code: 2,
      says: /^The settings ask for beam_search, in which no assistant model takes part/,
    },
    {
      name: 'a system message without a chat',
      args: [one, '-o', newPath(), ...on(model, '--system', 'x')],
      code: 2,
      says: /^--system needs a chat template/,
    },
    {
      name: 'lookup beside heads that are not there',
      args: [one, '-o', newPath(), ...on(model, '--lookup')],
      code: 2,
      says: /--medusa-heads, --mtp-modules/,
    },
    {
      name: 'a tree of heads that are not there',
      args: [one, '-o', newPath(), ...on(model, '--medusa-nodes', '4')],
      code: 2,
      says: /--medusa-heads/,
    },
  ].map((row) => ({ command: 'batch', ...row })) as Parameters<typeof testRefusals>[1],
)

describe('an output of another run', () => {
  const [row, later] = [
    { id: 'a', prompt: 'hello' },
    { id: 'b', prompt: 'the sea', do_sample: true },
  ]

  test('of another model or other settings is refused by name, also where nothing is left to do', async () => {
    const out = newPath()
    const args = [input(row), '-o', out]
    expect((await batch(...args, ...on(model))).code).toBe(0)
    const before = readFileSync(out, 'utf8')
    const other = writeTextModel(join(home, 'other'), { config: { rms_norm_eps: 1e-3 } })
    const template = '{% for m in messages %}{{ m.content }}{% endfor %}'
    for (const [differing, told] of [
      [on(other), /model was \S+model, is \S+other\. /],
      [on(model, '--dtype', 'int8'), /dtype was fp32, is int8\. /],
      [on(model, '--max-new-tokens', '5'), /max_new_tokens was not set, is 5\. /],
      [on(model, '--chat-template', template), /chat_template was not set, is \w+…?\. /],
    ] as const) {
      const { code, stderr } = await batch(...args, ...differing)
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^Error: The rows of \S+ were written otherwise: /m),
      ])
      expect(stderr).toMatch(told)
    }
    expect(readFileSync(out, 'utf8')).toBe(before)
    // What leaves texts as they are is no other run.
    const same = on(model, '--threads', '1', '--max-batch', '3', '--prompt-lookup-num-tokens', '3')
    expect((await batch(...args, ...same)).code).toBe(0)
    expect((await batch(input(row, later), '-o', out, ...on(other, '--continue-anyway'))).code).toBe(0)
    const { runs } = JSON.parse(readFileSync(`${out}.run.json`, 'utf8'))
    expect(runs).toMatchObject([
      { rows: ['a'], origin: { model: { name: model }, settings: { num_beams: 1 } } },
      { origin: { model: { name: other }, dtype: 'fp32', device: 'cpu', chat_template: null } },
    ])
  })

  test('gives its seed to a run that is given none, and is refused with another', async () => {
    const [out, whole] = [newPath(), newPath()]
    const rows = [1, 2].map((id) => ({ ...later, id }))
    await batch(input(rows[0]), '-o', out, ...on(model))
    await batch(input(...rows), '-o', out, ...on(model))
    const [{ origin }] = JSON.parse(readFileSync(`${out}.run.json`, 'utf8')).runs
    await batch(input(...rows), '-o', whole, ...on(model, '--seed', `${origin.seed}`))
    // Rows come in the order in which they end, which follows from a seed by chance.
    const byId = (path: string) => rowsOf(path).sort((a, b) => Number(a.id) - Number(b.id))
    expect(byId(out)).toEqual(byId(whole))
    const { code, stderr } = await batch(input(...rows), '-o', out, ...on(model, '--seed', '1'))
    expect([code, stderr]).toEqual([2, expect.stringMatching(/otherwise: seed was \d+, is 1\. /)])
  })
})

describe('what is meant', () => {
  test('by a setting that is misspelt, or called otherwise elsewhere, is asked', async () => {
    const row = { prompt: 'hello', temprature: 1, max_tokens: 5, topic: 'x' }
    const { stderr } = await batch(input(row), '-o', newPath(), ...on(model))
    expect(stderr).toMatch(
      /^Passed through, as they are no settings: temprature \(did you mean temperature\?\), max_tokens \(did you mean max_new_tokens\?\), topic\.\n/,
    )
  })

  test('by a file of plain prompts is told, and nothing is written', async () => {
    const out = newPath()
    for (const text of ['Once upon a time\nThe sea\n', '[{"prompt": "hello"}]']) {
      const { code, stderr } = await batch(file(text), '-o', out, ...on(model))
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^Error: No line of the input is a JSON object: /),
      ])
      expect(existsSync(`${out}.run.json`)).toBe(false)
    }
  })

  test('by a command without input or output is stdin and stdout', async () => {
    const run = await llm.run(['batch', ...on(model)], { input: JSON.stringify({ id: 7, prompt: 'hello' }) })
    expect(parsed(run.stdout)).toMatchObject([{ id: 7, text: expect.any(String) }])
    expect(run.code).toBe(0)
  })
})

test('reasons of failed rows are told, once each', async () => {
  const rows = [3, 4, 5].map((top_p) => ({ prompt: 'hello', top_p }))
  const { stderr } = await batch(input(...rows, { id: 'x', prompt: 7 }), '-o', newPath(), ...on(model))
  expect(stderr).toMatch(
    /^Failed: 1 and 2 more: top_p in the row cannot be 3: .+\.\nFailed: "x": The prompt is no text\.\n4 rows · 4 failed/m,
  )
})

test('a line without an end is refused', async ({ skip }) => {
  skip(!existsSync('/dev/zero'), 'there is no /dev/zero')
  expect(await batch('/dev/zero', '-o', newPath(), ...on(model))).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^Error: Line 1 is too long: at most 67,108,864 bytes are read\.\n$/),
  })
})

test('rows and --json do not share stdout', async () => {
  const run = await batch(one, '-o', '-', ...on(model, '--json'))
  expect(JSON.parse(run.stdout).error.message).toMatch(/^--json and the rows would both go to stdout: /)
})

describe('an output that cannot be written', () => {
  const many = input(...Array.from({ length: 60 }, (_, id) => ({ id, prompt: 'the sea', max_new_tokens: 3 })))
  const expected = newPath()

  /** Runs the same command until it is through, and expects what an undisturbed one writes. */
  async function expectResumable(out: string): Promise<void> {
    await batch(many, '-o', expected, ...on(model))
    expect(await batch(many, '-o', out, ...on(model))).toMatchObject({ code: 0 })
    expect(readFileSync(out, 'utf8').split('\n').sort()).toEqual(
      readFileSync(expected, 'utf8').split('\n').sort(),
    )
  }

  test('as a full device', async ({ skip }) => {
    skip(!existsSync('/dev/full'), 'there is no /dev/full')
    const run = await llm.run(['batch', many, '-o', '/dev/full', ...on(model)])
    expect(run.stderr).toMatch(
      /^Error: \/dev\/full cannot be written \(the disk is full\): mend that, .+\.\n$/,
    )
    expect(run.code).toBe(1)
    const stdout = await llm.shell(`$LLM batch ${many} -o - ${on(model).join(' ')} > /dev/full`)
    expect(stdout.stderr).toMatch(
      /^Error: stdout cannot be written \(the disk is full\): send it elsewhere\.\n$/,
    )
    expect(stdout.code).toBe(1)
  })

  test('as a file that may not grow', async () => {
    const out = newPath()
    const run = await llm.shell(`ulimit -f 4; $LLM batch ${many} -o ${out} ${on(model).join(' ')}`)
    expect(run.stderr).toMatch(
      /^Error: \S+ cannot be written \(it may not grow any further\): mend that, .+\.\n$/,
    )
    expect(run.code).toBe(1)
    const text = readFileSync(out, 'utf8')
    expect(text.length).toBeGreaterThan(3500)
    expect(text.endsWith('}\n')).toBe(true)
    await expectResumable(out)
  })

  test('as a full disk', async ({ skip }) => {
    const disk = join(home, 'disk')
    mkdirSync(disk)
    const mounted = (command: string) =>
      `unshare --user --map-root-user --mount sh -c 'mount -t tmpfs -o size=12k tmpfs ${disk} && ${command}'`
    skip(spawnSync(mounted('true'), { shell: true }).status !== 0, 'no file system can be mounted here')
    const copy = newPath()
    const command = `$LLM batch ${many} -o ${disk}/out.jsonl ${on(model).join(' ')}`
    const run = await llm.shell(
      mounted(
        `${command}; code=$?; cp ${disk}/out.jsonl ${copy}; cp ${disk}/out.jsonl.run.json ${copy}.run.json; exit $code`,
      ),
    )
    expect(run.stderr).toMatch(/cannot be written \(the disk is full\): mend that, .+\.\n$/)
    expect(run.code).toBe(1)
    await expectResumable(copy)
  })

  test('as a pipe whose reader has gone', async () => {
    const run = await llm.shell(`set -o pipefail; $LLM batch ${many} -o - ${on(model).join(' ')} | head -n 1`)
    expect(parsed(run.stdout)).toHaveLength(1)
    expect(run.code).toBe(0)
    const fifo = newPath()
    spawnSync('mkfifo', [fifo])
    const named = await llm.shell(`: < ${fifo} & $LLM batch ${many} -o ${fifo} ${on(model).join(' ')}`)
    expect(named.stderr).toMatch(/^Error: \S+ cannot be written \(its reader has gone\): mend that, .+\.\n$/)
    expect(named.code).toBe(1)
  })
})

describe('a run that is ended', () => {
  const lines = Array.from({ length: 12 }, (_, id) => ({ id, prompt: 'hello', max_new_tokens: id ? 150 : 1 }))
  const args = [...on(endless, '--suppress-tokens', '2', '--max-batch', '4')]

  test('by Ctrl-C exits 130, and goes on', async () => {
    const out = newPath()
    const command = ['batch', '-', '-o', out, ...args]
    const text = (some: readonly object[]) => some.map((line) => `${JSON.stringify(line)}\n`).join('')
    const child = llm.start(command)
    // It may be done with these, and not with all.
    child.stdin.write(text(lines.slice(0, 8)))
    const end = ended(child)
    await until(() => existsSync(out) && readFileSync(out).length > 0)
    child.kill('SIGINT')
    const run = await end
    expect(run.code).toBe(130)
    expect(run.stderr).toMatch(/\nInterrupted: the same command goes on from here\.\n$/)
    const rows = rowsOf(out)
    expect(rows.length).toBeLessThan(lines.length)
    for (const { finish_reason } of rows) expect(finish_reason).toBe('length')
    expect(existsSync(`${out}.lock`)).toBe(false)
    const again = await llm.run(command, { input: text(lines) })
    expect(again.stderr).toMatch(
      new RegExp(`^12 rows, ${rows.length} of them from before · 0 failed · `, 'm'),
    )
    expect(
      rowsOf(out)
        .map(({ id }) => Number(id))
        .sort((a, b) => a - b),
    ).toEqual([...lines.keys()])
  })

  test('by Ctrl-C while it waits for stdin exits too', async () => {
    const child = llm.start(['batch', '-', '-o', '-', ...args])
    child.stdin.write(`${JSON.stringify(lines[0])}\n`)
    child.stdout.once('data', () => child.kill('SIGINT'))
    const run = await ended(child)
    expect(parsed(run.stdout)).toMatchObject([{ id: 0 }])
    expect(run.code).toBe(130)
  })

  test('by a kill leaves a lock that the next one takes, but not while it lives', async () => {
    const out = newPath()
    const child = llm.start(['batch', '-', '-o', out, ...args])
    child.stdin.write(`${JSON.stringify(lines[0])}\n`)
    const end = ended(child)
    await until(() => existsSync(out) && readFileSync(out).length > 0)
    expect(await batch(input(...lines), '-o', out, ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Error: \S+ is being written by another run: /),
    })
    child.kill('SIGKILL')
    await end
    expect(existsSync(`${out}.lock`)).toBe(true)
    expect(await batch(input(...lines.slice(0, 1)), '-o', out, ...args)).toMatchObject({ code: 0 })
    expect(existsSync(`${out}.lock`)).toBe(false)
  })
})

/** Waits for something that has to come. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
