import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileSchema, validate } from '../../src/grammar/schema/index.js'
import { SAMPLE_DOCUMENTS, SAMPLE_SCHEMA } from '../extract/documents.js'
import { ended, fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
isolateEnvironment(home)
const llm = new Llm(home)
const toy = writeTextModel(join(home, 'model'), { config: { max_position_embeddings: 8192 } })
const documents = file(SAMPLE_DOCUMENTS.map((each) => JSON.stringify(each)).join('\n'), 'documents.jsonl')

const PERSON = { name: ['string', 'null'], place: ['string', 'null'], amount: ['number', 'null'] }
const JUDGE = compileSchema({
  type: 'object',
  properties: {
    ...Object.fromEntries(Object.entries(PERSON).map(([name, type]) => [name, { type }])),
    kind: { enum: ['letter', 'invoice', 'table', 'story', null] },
  },
  required: ['name', 'place', 'amount', 'kind'],
  additionalProperties: false,
})

async function extracted(...args: string[]) {
  const run = await runClass('extract', args)
  const code = run.code || Number(process.exitCode ?? 0)
  process.exitCode = undefined
  const rows = run.stdout.split('\n').filter((line) => line !== '')
  return { ...run, code, rows }
}

const SETTINGS = ['--schema', SAMPLE_SCHEMA, '--spans', '--max-new-tokens', '90']

/** Each row is valid, and its texts stand in their documents where it says. */
function checkRows(rows: readonly string[], isMany: boolean): number {
  expect(rows).toHaveLength(SAMPLE_DOCUMENTS.length)
  let places = 0
  for (const [i, row] of rows.map((line) => JSON.parse(line)).entries()) {
    const { id, text } = SAMPLE_DOCUMENTS[i]
    expect(row).toMatchObject({ id })
    expect(row).not.toHaveProperty('errors')
    const values = isMany ? row.items : row.value === null ? [] : [row.value]
    const spans = isMany ? (row.spans ?? []) : [row.spans ?? {}]
    for (const [k, value] of values.entries()) {
      expect(validate(JUDGE, JSON.stringify(value)), JSON.stringify(value)).toBe(true)
      for (const field of ['name', 'place']) {
        if (value[field] === null) continue
        const [start, end] = spans[k][`/${field}`]
        expect([...text].slice(start, end).join('')).toBe(value[field])
        places++
      }
    }
  }
  return places
}

test.each([
  ['json', false],
  ['csv', true],
  ['xml', false],
  ['yaml', true],
] as const)(
  '20 documents in %s, many: %s: all is valid, and stands where it is said',
  async (format, isMany) => {
    const args = [documents, ...SETTINGS, '--format', format, ...(isMany ? ['--many'] : [])]
    const { rows, code } = await extracted(...on(toy, ...args))
    expect(code).toBe(0)
    checkRows(rows, isMany)
  },
)

test('the model that comes with the package finds what stands there', async () => {
  const { rows } = await extracted(
    '-m',
    'built-in',
    documents,
    ...SETTINGS,
    '--chunk-tokens',
    '60',
    '--chunk-overlap',
    '10',
  )
  expect(checkRows(rows, false)).toBeGreaterThan(10)
})

test('rows are the same whatever is decoded together, and chunks are merged', async () => {
  const args = on(
    toy,
    documents,
    ...SETTINGS,
    '--many',
    '--chunk-tokens',
    '20',
    '--chunk-overlap',
    '4',
    '--dtype',
    'fp32',
  )
  const [one, three, sixteen] = [
    await extracted(...args, '--max-batch', '1'),
    await extracted(...args, '--max-batch', '3'),
    await extracted(...args, '--max-batch', '16'),
  ]
  expect(three.rows).toEqual(one.rows)
  expect(sixteen.rows).toEqual(one.rows)
  expect(one.rows.some((row) => JSON.parse(row).chunks > 2)).toBe(true)
})

test('rows of CSV, a table, and a page with its marks', async () => {
  const page = join(home, 'page.html')
  const csv = await extracted(...on(toy, documents, ...SETTINGS, '--csv', '--html', page))
  expect(csv.rows[0]).toBe('document,name,place,amount,kind')
  const table = await extracted(...on(toy, documents, ...SETTINGS, '--table'))
  expect(table.stdout).toMatch(/^document\s+name\s+place\s+amount\s+kind\n─/)
  const html = readFileSync(page, 'utf8')
  expect(html).toContain('<mark title="')
  // What a document has of markup is text.
  expect(html).not.toContain('<stapler>')
  expect(html).toContain('&#60;stapler&#62;')
})

test('killed 20 times, the rows are those of a run without a break', { timeout: 300_000 }, async () => {
  const many = Array.from({ length: 8 }, (_, round) =>
    SAMPLE_DOCUMENTS.map(({ id, text }) => JSON.stringify({ id: `${id} of ${round}`, text })),
  ).flat()
  const input = file(many.join('\n'), 'many.jsonl')
  const args = on(toy, input, ...SETTINGS, '--max-batch', '4', '--seed', '3')
  const whole = join(home, 'whole.jsonl')
  expect((await llm.run(['extract', ...args, '-o', whole])).code).toBe(0)
  const out = join(home, 'out.jsonl')
  const chunks = `${out}.chunks.jsonl`
  const count = () => (existsSync(chunks) ? readFileSync(chunks, 'utf8').split('\n').length : 0)
  let killed = 0
  for (let i = 0; i < 20; i++) {
    const before = count()
    const child = llm.start(['extract', ...args, '-o', out])
    child.stdin.end()
    const end = ended(child)
    while (child.exitCode === null && count() < before + (i % 5))
      await new Promise((resolve) => setTimeout(resolve, 2))
    child.kill('SIGKILL')
    killed += Number((await end).code === null)
    if (existsSync(out)) break
  }
  expect(killed).toBeGreaterThan(10)
  const last = await llm.run(['extract', ...args, '-o', out])
  expect(last.code).toBe(0)
  expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'))
  expect(existsSync(chunks)).toBe(false)
})

const KOR = JSON.stringify({
  type: 'object',
  id: 'person',
  many: true,
  attributes: [{ type: 'text', id: 'name' }],
  examples: [['I am Ann.', { name: 'Ann' }]],
})

test('nodes of Kor, a schema in YAML, examples of a file, and a document on stdin', async () => {
  const kor = await llm.run(
    ['extract', ...on(toy, '--schema', file(KOR, 'kor.json'), '--max-new-tokens', '30')],
    {
      input: 'Bo was here.',
    },
  )
  expect(JSON.parse(kor.stdout)).toMatchObject({ id: 'stdin', items: expect.any(Array) })
  const schema = file('type: object\nproperties:\n  name: {type: string}\nrequired: [name]\n', 'schema.yaml')
  const examples = file('{"text":"I am Ann.","value":{"name":"Ann"}}\n', 'examples.jsonl')
  const text = file('Bo was here.', 'bo.txt')
  const { rows, code } = await extracted(
    ...on(toy, text, '--schema', schema, '--examples', examples, '--max-new-tokens', '30'),
  )
  expect([rows.length, code]).toEqual([1, 0])
})

testRefusals('extraction refuses', [
  {
    name: 'an output that is a document',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '-o', documents),
    code: 2,
    says: /^--output is .* which is a document too/,
  },
  {
    name: 'a page that is the output',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '-o', join(home, 'one'), '--html', join(home, 'one')),
    code: 2,
    says: /^--html is .* which is --output too/,
  },
  {
    name: 'a page on stdout',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '--html', '-'),
    code: 2,
    says: /^--html needs a file/,
  },
  {
    name: 'a page in a directory that is not there',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '--html', join(home, 'nowhere', 'page.html')),
    code: 2,
    says: /^.* cannot be written: there is no directory .*nowhere/,
  },
  {
    name: 'a schema without fields',
    command: 'extract',
    args: on(toy, documents, '--schema', '{"type":"string"}'),
    code: 2,
    says: /^The schema has no fields/,
  },
  {
    name: 'nested values as CSV',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name, tags [str]', '--format', 'csv'),
    code: 2,
    says: /^CSV has no nested values/,
  },
  {
    name: 'a key that is no field',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '--key', 'nmae'),
    code: 2,
    says: /^--key names "nmae"/,
  },
  {
    name: 'an example that the schema does not accept',
    command: 'extract',
    args: on(
      toy,
      documents,
      '--schema',
      'age int',
      '--examples',
      file('{"text":"a","value":{"age":"x"}}\n', 'bad.jsonl'),
    ),
    code: 2,
    says: /which the schema does not accept/,
  },
  {
    name: 'a file that is no text',
    command: 'extract',
    args: on(toy, file('a\0b', 'zero.txt'), '--schema', 'name'),
    code: 2,
    says: /is no text/,
  },
  {
    name: 'a directory',
    command: 'extract',
    args: on(toy, home, '--schema', 'name'),
    code: 2,
    says: /is a directory/,
  },
  {
    name: 'lines without a text',
    command: 'extract',
    args: on(toy, file('{"body":"x"}\n', 'body.jsonl'), '--schema', 'name'),
    code: 2,
    says: /has no text in its field "text"/,
  },
  {
    name: 'an overlap of whole chunks',
    command: 'extract',
    args: on(toy, documents, '--schema', 'name', '--chunk-tokens', '20', '--chunk-overlap', '20'),
    code: 2,
    says: /^--chunk-overlap is 20/,
  },
])
