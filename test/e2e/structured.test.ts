import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileWriter, isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { json } from './generation.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'), { config: { max_position_embeddings: 4096 } })
const SCHEMA =
  '{"type":"object","properties":{"kind":{"enum":["a","b"]},"n":{"type":"integer","minimum":10,"maximum":12}},"required":["kind","n"],"additionalProperties":false}'
const yaml = file(
  'type: object\nproperties:\n  kind: {enum: [a, b]}\n  n: {type: integer, minimum: 10, maximum: 12}\nrequired: [kind, n]\nadditionalProperties: false\n',
  'schema.yaml',
)
const VALUE = { kind: expect.stringMatching(/^[ab]$/), n: expect.toSatisfy((n) => [10, 11, 12].includes(n)) }

isolateEnvironment(home)

async function check(...args: string[]) {
  const run = await runClass('schema check', args)
  const code = run.code || Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { ...run, code }
}

test('a schema is JSON, a file, YAML or a file of --config: text and value keep to it', async () => {
  const config = file(JSON.stringify({ schema: yaml }), 'config.json')
  for (const source of [
    ['--schema', SCHEMA],
    ['--schema', file(SCHEMA, 'schema.json')],
    ['--schema', yaml],
    ['--config', config],
  ]) {
    const { text, value, finish_reason } = await json(on(model, 'hello', '--max-new-tokens', '60', ...source))
    expect(value).toEqual(VALUE)
    expect([JSON.stringify(value), finish_reason]).toEqual([text, 'eos'])
  }
})

test('rows and plans have languages of their own, a plan’s from files', async () => {
  const rows = [
    { prompt: 'hello', schema: JSON.parse(SCHEMA) },
    { prompt: 'hello', schema: SCHEMA },
    { prompt: 'hello', choices: ['yes', 'no'] },
    { prompt: 'hello', schema: yaml },
  ]
  const input = file(rows.map((row) => JSON.stringify(row)).join('\n'))
  const { stdout } = await runClass('batch', on(model, input, '--max-new-tokens', '60'))
  process.exitCode = undefined
  const written = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.id - b.id)
  expect(written.map(({ value }) => value)).toEqual([
    VALUE,
    VALUE,
    expect.stringMatching(/^(yes|no)$/),
    undefined,
  ])
  expect(written[3].error).toBe(`schema names the file ${yaml}, but its text is needed: read the file first.`)

  const plan = file(JSON.stringify({ strategies: [{ kind: 'greedy', schema: yaml }] }), 'plan.yaml')
  const prompts = file('{"prompt":"hello"}')
  const compared = await runClass(
    'compare',
    on(model, prompts, '--plan', plan, '--max-new-tokens', '60', '--json'),
  )
  const [{ settings }] = JSON.parse(compared.stdout).strategies
  expect(JSON.parse(settings.schema)).toEqual(JSON.parse(SCHEMA))
})

test('schema check tells what is noticed, a shortest value, and whether and where a value is refused', async () => {
  const noted = await check('kind (a|b), n int', '{"n": 1e1,\n "kind": "b"}', '--json')
  expect(JSON.parse(noted.stdout)).toMatchObject({
    schema: { required: ['kind', 'n'] },
    shortest: '{"kind":"a","n":0}',
    value: { valid: true },
  })
  expect(noted.code).toBe(0)
  const refused = await check(SCHEMA, ' {"kind": "a",\n "n": 13}', '--json')
  expect(JSON.parse(refused.stdout).value).toEqual({
    valid: false,
    line: 2,
    column: 8,
    found: '3',
    expected: ['.', '0 to 2', 'E', 'e'],
    completion: '0}',
  })
  expect(refused.code).toBe(1)
  for (const [value, line, column] of [
    ['abc', 1, 1],
    ['{"kind":"a",\n}', 2, 1],
    ['\u00a0{}', 1, 1],
    ['', 1, 1],
  ] as const) {
    const noJson = await check(SCHEMA, value, '--json')
    expect(JSON.parse(noJson.stdout).value).toMatchObject({ valid: false, line, column })
    expect(noJson.code).toBe(1)
  }
  const { stdout, code } = await check('{"type":"string","minlength":3}')
  expect(stdout).toContain('Warning: #/minlength: the keyword is not known; did you mean minLength?\n')
  expect(code).toBe(0)
})

testRefusals('structured output refuses', [
  {
    name: 'a file that is not there',
    command: 'generate',
    args: on(model, 'x', '--schema', 'none.json'),
    code: 2,
    says: '--schema names the file none.json, but there is no such file.',
  },
  {
    name: 'an address, which is not read as fields',
    command: 'schema check',
    args: ['https://example.com/person.json'],
    code: 2,
    says: 'the schema names the file https://example.com/person.json, but there is no such file.',
  },
  {
    name: 'broken JSON',
    command: 'generate',
    args: on(model, 'x', '--schema', '{"type":\n "string",}'),
    code: 2,
    says: /not valid JSON: line 2, column 11/,
  },
  {
    name: 'broken YAML',
    command: 'generate',
    args: on(model, 'x', '--schema', file('a: [', 'broken.yaml')),
    code: 2,
    says: /broken\.yaml is not valid YAML: .* at line 1, column 5\.$/,
  },
  {
    name: 'YAML of several documents',
    command: 'schema check',
    args: [file('type: integer\n---\ntype: string', 'several.yaml')],
    code: 2,
    says: /several\.yaml is not valid YAML: it holds several documents, and one is read\.$/,
  },
  {
    name: 'a schema that cannot be held, by its pointer',
    command: 'schema check',
    args: ['{"properties":{"a":{"pattern":"(a)\\\\1"}}}'],
    code: 2,
    says: /#\/properties\/a\/pattern/,
  },
  {
    name: 'a grammar with a fault, by its place',
    command: 'generate',
    args: on(model, 'x', '--grammar', 'root ::= "a" b'),
    code: 2,
    says: 'The rule "b" is not defined, at line 1, column 14 of the GBNF grammar.',
  },
  {
    name: 'a regex with a fault',
    command: 'generate',
    args: on(model, 'x', '--regex', '(a'),
    code: 2,
    says: /has a "\(" without its "\)", at character 1\.$/,
  },
  {
    name: 'a choice that is empty',
    command: 'generate',
    args: on(model, 'x', '--choices', ''),
    code: 2,
    says: /^choices in the flags cannot be/,
  },
  {
    name: 'two languages',
    command: 'generate',
    args: on(model, 'x', '--schema', 'a', '--regex', 'b'),
    code: 2,
    says: /a text is held to one language: leave one of them out\.$/,
  },
  {
    name: 'room for less than the shortest text',
    command: 'generate',
    args: on(model, 'x', '--regex', 'abcdef', '--max-new-tokens', '2'),
    code: 2,
    says: /^The shortest text that the grammar allows has \d tokens, and 2 may be generated/,
  },
  {
    name: 'fields that are no notation, which are too long for a name of a file',
    command: 'schema check',
    args: [`${'field, '.repeat(200)}`],
    code: 2,
    says: /the field "field" is there twice/,
  },
])
