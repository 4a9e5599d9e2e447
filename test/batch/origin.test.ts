import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { Failures } from '../../src/batch/failures.js'
import { admit, type Origin, readRecord } from '../../src/batch/origin.js'
import { OutputFile } from '../../src/batch/output-file.js'
import { recordPath } from '../../src/batch/record-path.js'
import { temporaryDirectory } from '../weights/files.js'

const home = temporaryDirectory()
let count = 0
let path: string
beforeEach(() => {
  path = join(home, `${++count}.jsonl`)
})

const ORIGIN: Origin = {
  llm: '1.0.0',
  model: { name: './a', fingerprint: 'aaaa' },
  dtype: 'fp32',
  device: 'cpu',
  seed: 1,
  settings: { do_sample: false, temperature: 1, num_assistant_tokens: 20 },
  chat_template: null,
}

const row = (id: string, seed?: number) => ({
  key: JSON.stringify(id),
  seed,
  text: JSON.stringify({ id, text: 'x', seed }),
})

/** A run that writes rows, of an origin that differs by `changes`. */
async function run(
  changes: Partial<Origin>,
  ids: readonly string[] = [],
  { anyway = false, seed = undefined as number | undefined } = {},
) {
  const lock = { assertHeld() {}, mayHaveRival: false }
  const output = await OutputFile.open(path, { retryErrors: false, lock })
  try {
    await admit(output, await readRecord(output), { ...ORIGIN, ...changes }, anyway)
    for (const id of ids) output.write(row(id, seed))
  } finally {
    output.close()
  }
}

const recorded = () => JSON.parse(readFileSync(recordPath(path), 'utf8')).runs

test('a run is recorded before its first row, and goes on by itself', async () => {
  await run({})
  expect(recorded()).toEqual([{ origin: ORIGIN }])
  await run({}, ['a', 'b'])
  await run({}, ['c'])
  expect(recorded()).toEqual([{ origin: ORIGIN }])
})

test.each<[changes: Partial<Origin>, told: string]>([
  [{ model: { name: './b', fingerprint: 'bbbb' } }, 'model was ./a, is ./b'],
  [{ model: { name: './a', fingerprint: 'bbbb' } }, 'model ./a has changed'],
  [{ dtype: 'int4' }, 'dtype was fp32, is int4'],
  [{ llm: '1.1.0' }, 'llm was 1.0.0, is 1.1.0'],
  [{ chat_template: 'cccc' }, 'chat_template was not set, is cccc'],
  [{ system: 'Be kind.' }, 'system was not set, is "Be kind."'],
  [{ logprobs: 2 }, 'logprobs was not set, is 2'],
  [{ strategy: { name: './s.js', fingerprint: 's' } }, 'strategy was not set, is ./s.js'],
  [{ settings: { ...ORIGIN.settings, temperature: 0.7 } }, 'temperature was 1, is 0.7'],
  [
    { dtype: 'int8', settings: { ...ORIGIN.settings, max_new_tokens: 5 } },
    'dtype was fp32, is int8; max_new_tokens was not set, is 5',
  ],
  // What draws its drafts draws other texts.
  [
    { settings: { ...ORIGIN.settings, do_sample: true }, assistant_model: { name: 'd', fingerprint: 'd' } },
    'do_sample was false, is true; assistant_model was not set, is d',
  ],
])('one of another origin is refused by name: %j', async (changes, told) => {
  await run({}, ['a'])
  await expect(run(changes)).rejects.toMatchObject({
    message: `The rows of ${path} were written otherwise: ${told}. Go on with the same, name another file, or mix them with --continue-anyway.`,
    exitCode: 2,
  })
  expect(recorded()).toEqual([{ origin: ORIGIN }])
})

test.each<[string, Partial<Origin>]>([
  ['a path of the same model', { model: { name: '/elsewhere/a', fingerprint: 'aaaa' } }],
  ['a draft model', { assistant_model: { name: 'd', fingerprint: 'd' } }],
  ['prompt lookup', { settings: { ...ORIGIN.settings, prompt_lookup_num_tokens: 3 } }],
  ['the size of drafts', { settings: { ...ORIGIN.settings, num_assistant_tokens: 5 } }],
  ['another device', { device: 'webgpu' }],
  ['a seed of which nothing was drawn', { seed: 2 }],
])('in float32 texts do not depend on %s', async (_, changes) => {
  await run({}, ['a'])
  await run(changes, ['b'])
  expect(recorded().at(-1).origin).toEqual({ ...ORIGIN, ...changes })
})

test('in other types they do, and on a seed of which something was drawn', async () => {
  await run({ dtype: 'int8' }, ['a'])
  await expect(run({ dtype: 'int8', device: 'webgpu' })).rejects.toThrow(
    /otherwise: device was cpu, is webgpu\./,
  )
  path += '2'
  await run({}, ['a'], { seed: 12 })
  await expect(run({ seed: 2 })).rejects.toThrow(/otherwise: seed was 1, is 2\./)
})

test('a setting that is newer than the record counts as its default', async () => {
  await run({}, ['a'])
  await run({ settings: { ...ORIGIN.settings, xtc_probability: 0, xtc_threshold: 0.1 } }, ['b'])
  await expect(run({ settings: { ...ORIGIN.settings, xtc_probability: 0.5 } })).rejects.toThrow(
    /xtc_probability was 0, is 0\.5/,
  )
})

describe('--continue-anyway', () => {
  test('mixes, and each row has its origin still', async () => {
    const [b, c] = [{ dtype: 'int8' }, { dtype: 'int4' }]
    await run({}, ['a', 'b'])
    await run(b, ['c'], { anyway: true })
    // Of the second run once more: it needs no leave, and drops no row's origin.
    await run(b, ['d'])
    await expect(run({})).rejects.toThrow(/dtype was int8, is fp32/)
    await run(c, [], { anyway: true })
    expect(recorded()).toEqual([
      { origin: ORIGIN, rows: ['a', 'b'] },
      { origin: { ...ORIGIN, ...b }, rows: ['c', 'd'] },
      { origin: { ...ORIGIN, ...c } },
    ])
    // Rows that are taken away, to be tried again or by hand, are the next run's.
    writeFileSync(path, `${row('b').text}\n`)
    await run(c, ['a'])
    expect(recorded()).toEqual([{ origin: ORIGIN, rows: ['b'] }, { origin: { ...ORIGIN, ...c } }])
  })

  test('takes an output without a record, which is refused else', async () => {
    writeFileSync(path, `${row('a').text}\n{"id":null,"line":7,"error":"Bad."}\n`)
    await expect(run({})).rejects.toMatchObject({
      message: `${path} has 2 rows, and ${path}.run.json, which would say what wrote them, is not there: name another file, or go on with --continue-anyway.`,
      exitCode: 2,
    })
    expect(existsSync(recordPath(path))).toBe(false)
    await run({}, ['b'], { anyway: true })
    expect(recorded()).toEqual([{ origin: null, rows: ['a'] }, { origin: ORIGIN }])
    await run({}, ['c'])
    await expect(run({ dtype: 'int8' })).rejects.toThrow(/dtype was fp32, is int8/)
  })
})

test.each([
  '{}',
  '[]',
  '{"runs":[]}',
  '{"runs":[7]}',
  'null',
  '{"runs":[{"origin":1}]}',
  '{"runs":[{"origin":{}}]}',
  '{"runs":[{"origin":{"settings":null}}]}',
  '{"runs":[{"origin":null,"rows":7}]}',
  '{"runs":[{"origin":null,"rows":[{}]}]}',
])('a record that is %s is none', async (text) => {
  await run({}, ['a'])
  writeFileSync(recordPath(path), text)
  await expect(run({})).rejects.toThrow(/\.run\.json is not what this command writes beside an output: /)
})

test('a record of an output that has been removed does not count', async () => {
  await run({}, ['a'])
  writeFileSync(path, '')
  await run({ dtype: 'int8' }, ['a'])
  expect(recorded()).toEqual([{ origin: { ...ORIGIN, dtype: 'int8' } }])
})

test('errors are told by reason, with the first row of each', () => {
  const failures = new Failures()
  failures.add('1', 'Line 1 has "a".')
  failures.add('"x"', 'top_p cannot be 3.')
  failures.add('"y"', 'top_p cannot be 4.')
  expect(failures.list()).toEqual([
    { error: 'top_p cannot be 3.', first: '"x"', rows: 2 },
    { error: 'Line 1 has "a".', first: '1', rows: 1 },
  ])
})
