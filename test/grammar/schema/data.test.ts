import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { compileSchema, type SchemaOptions, validate } from '../../../src/grammar/schema/index.js'
import { type Json, type JsonObject, jsonText, readJson } from '../../../src/grammar/schema/json.js'

const DATA = process.env.LLM_TEST_DATA ?? join(import.meta.dirname, '../../../../shared/data')
const SUITE = `${DATA}/json-schema-test-suite`
const MASKBENCH = `${DATA}/maskbench/dev.jsonl.br`

/** Schema files whose sum is out of reach: the metaschemas are not among the documents. */
const NEEDS_METASCHEMA = /the reference "https?:\/\/json-schema\.org\/draft\S+ leads to another document/

interface Outcome {
  readonly right: number
  readonly wrong: readonly string[]
  readonly refused: readonly string[]
}

/** The verdicts of a schema on its tests. */
function judge(
  schema: string,
  tests: readonly Json[],
  options: SchemaOptions,
  write: (value: Json) => string,
): Outcome {
  const wanted = (tests as readonly JsonObject[]).map(
    (each) => [write(each.get('data')!), each.get('valid')] as const,
  )
  try {
    const automaton = compileSchema(schema, options)
    const wrong = wanted.filter(([text, valid]) => validate(automaton, text) !== valid)
    return {
      right: wanted.length - wrong.length,
      wrong: wrong.map(([text]) => `${schema} ${text}`),
      refused: [],
    }
  } catch (error) {
    const { message } = error as Error
    const isRight = message.endsWith('no value is valid.') && wanted.every(([, valid]) => valid === false)
    return isRight
      ? { right: wanted.length, wrong: [], refused: [] }
      : { right: 0, wrong: [], refused: [message] }
  }
}

const total = (outcomes: readonly Outcome[]): Outcome => ({
  right: outcomes.reduce((sum, { right }) => sum + right, 0),
  wrong: outcomes.flatMap(({ wrong }) => wrong),
  refused: outcomes.flatMap(({ refused }) => refused),
})

describe.skipIf(!existsSync(SUITE))('The official suite (skipped where its files are absent)', () => {
  const documents = new Map<string, string>()
  for (const path of existsSync(SUITE)
    ? readdirSync(`${SUITE}/remotes`, { recursive: true, encoding: 'utf8' })
    : [])
    if (path.endsWith('.json'))
      documents.set(`http://localhost:1234/${path}`, readFileSync(`${SUITE}/remotes/${path}`, 'utf8'))

  test.each([
    ['draft2020-12', 1295],
    ['draft7', 923],
  ])('%s', (draft, right) => {
    const outcomes = readdirSync(`${SUITE}/tests/${draft}`).flatMap((file) => {
      const groups = readJson(
        readFileSync(`${SUITE}/tests/${draft}/${file}`, 'utf8'),
        file,
      ) as readonly JsonObject[]
      return groups.map((group) => {
        const schema = jsonText(group.get('schema')!)
        const dated =
          draft === 'draft7' && schema.startsWith('{')
            ? `{"$schema":"http://json-schema.org/draft-07/schema#",${schema.slice(1)}`
            : schema
        const options = { order: 'any', anySpelling: true, formats: 'ignore', documents } as const
        return judge(dated.replace(/,}$/, '}'), group.get('tests') as readonly Json[], options, jsonText)
      })
    })
    const outcome = total(outcomes)
    expect(outcome.wrong).toEqual([])
    expect(outcome.refused.filter((message) => !NEEDS_METASCHEMA.test(message))).toEqual([])
    expect(outcome.right).toBe(right)
  })
})

/** A value as Python's `json.dumps` writes it. */
function pythonText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`
  if (!(value instanceof Map)) return jsonText(value)
  return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}: ${pythonText(member)}`).join(', ')}}`
}

test.skipIf(!existsSync(MASKBENCH))(
  'Schemas of MaskBench accept what is valid and nothing else (skipped where its file is absent)',
  () => {
    const lines = brotliDecompressSync(readFileSync(MASKBENCH)).toString().trim().split('\n')
    const outcomes = lines
      .filter((_, i) => i % 16 === 0)
      .map((line) => {
        const file = readJson(line, 'MaskBench') as JsonObject
        const options = { order: 'any', anySpelling: true, whitespace: 'python' } as const
        return judge(
          jsonText(file.get('schema')!),
          (file.get('tests') ?? []) as readonly Json[],
          options,
          pythonText,
        )
      })
    const outcome = total(outcomes)
    expect([outcome.wrong, outcome.refused]).toEqual([[], []])
    expect(outcome.right).toBeGreaterThan(100)
  },
)
