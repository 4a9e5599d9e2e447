import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import { type Json, type JsonObject, jsonText, readJson } from '../../src/grammar/schema/json.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'

/** An instance of a schema in tokens, and whether the schema accepts it. */
export interface Instance {
  readonly tokens: readonly number[]
  readonly valid: boolean
}

/** A file of MaskBench. */
export interface SchemaFile {
  readonly id: string
  /** JSON text, its numbers and the order of its keys as they are in the file. */
  readonly schema: string
  readonly tests: readonly Instance[]
}

/** The lines of a file of MaskBench: each with `id`, `schema` and `tests`, which have `data` and `valid`. @param path ends in `.br` where it is compressed */
export function linesOf(path: string): string[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.br') ? brotliDecompressSync(bytes) : bytes).toString()
  return text.split('\n').filter((line) => line !== '')
}

export function schemaFile(line: string, tokenizer: Tokenizer): SchemaFile {
  const fields = readJson(line, 'The line') as JsonObject
  const tests = ((fields.get('tests') ?? []) as readonly JsonObject[]).map((test) => ({
    tokens: tokenizer.encode(pythonText(test.get('data')!), { addSpecialTokens: false }),
    valid: test.get('valid') === true,
  }))
  return { id: fields.get('id') as string, schema: jsonText(fields.get('schema')!), tests }
}

/** A value as Python's `json.dumps(value, ensure_ascii=False)` writes it, but for numbers, which keep their spelling. */
export function pythonText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`
  if (!(value instanceof Map)) return jsonText(value)
  return `{${[...value].map(([key, member]) => `${jsonText(key)}: ${pythonText(member)}`).join(', ')}}`
}
