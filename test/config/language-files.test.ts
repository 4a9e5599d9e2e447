import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { withLanguageFiles } from '../../src/config/language-files.js'
import { schemaText } from '../../src/config/schema-text.js'

const home = mkdtempSync(join(tmpdir(), 'llm-language-files-'))
afterAll(() => rmSync(home, { recursive: true }))

const YAML = 'type: object\nproperties:\n  n: {type: integer}\n'
const JSON_OF_YAML = '{"type":"object","properties":{"n":{"type":"integer"}}}'

async function schemaOf(schema: string): Promise<unknown> {
  return schemaText((await withLanguageFiles({ schema }, () => '--schema')).schema as string)
}

test('a schema in YAML is the same as text and from a file of any name', async () => {
  const file = join(home, 'schema.txt')
  writeFileSync(file, YAML)
  expect(await schemaOf(file)).toBe(JSON_OF_YAML)
  expect(await schemaOf(YAML)).toBe(JSON_OF_YAML)
  expect(await schemaOf('# numbers\nenum: [1, 2]')).toBe('{"enum":[1,2]}')
  expect(() => schemaText(YAML)).toThrow('schema is YAML: give it as JSON, or as a file.')
})

test('fields in short are not taken for YAML', async () => {
  const fields = 'name: who it is\ntype: kind of object\nitems int: how many\nproperties [str]'
  expect(JSON.parse((await schemaOf(fields)) as string).required).toEqual([
    'name',
    'type',
    'items',
    'properties',
  ])
})

test('a number is no field', async () => {
  const file = join(home, 'number.yaml')
  writeFileSync(file, '3\n')
  expect(await schemaOf(file)).toBe('3')
  expect(await schemaOf('3')).toBe('3')
})

test('names of what is no file are refused', async () => {
  const directory = join(home, 'schemas of mine')
  mkdirSync(directory)
  await expect(schemaOf(directory)).rejects.toThrow(
    `--schema names ${directory}, which is a directory: give a file.`,
  )
  const missing = join(directory, 'missing.json')
  await expect(schemaOf(missing)).rejects.toThrow(
    `--schema names the file ${missing}, but there is no such file.`,
  )
})
