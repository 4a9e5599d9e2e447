import { stat } from 'node:fs/promises'
import { usageError } from '../errors.js'
import { MOST_SETTINGS, readText } from '../files.js'

/** Settings whose text may be a file's. */
export const FIELDS_OF_FILES = ['schema', 'grammar', 'tools'] as const

/** A name rather than the thing itself: an address, a path, or a word with an ending that such files have. */
const PATH =
  /^(?:[a-z][a-z\d+.-]*:\/\/\S*|[^\s{}[\],:=]*(?:[/\\][^\s{},:=]*|\.(?:json|ya?ml|gbnf|lark|ebnf))|(?:~|\.{0,2})[/\\][^\n{},:="|]*\.(?:json|ya?ml|gbnf|lark|ebnf))$/i

/**
 * Settings with the text of the files that `schema` and `grammar` name.
 * @param nameOf a field, for messages
 * @throws UserError as `textOfFile`
 */
export async function withLanguageFiles(
  values: Readonly<Record<string, unknown>>,
  nameOf: (field: string) => string,
): Promise<Record<string, unknown>> {
  const read = { ...values }
  for (const field of FIELDS_OF_FILES) {
    const value = read[field]
    if (typeof value !== 'string') continue
    const text = await textOfFile(value, nameOf(field))
    read[field] = field === 'schema' ? await schemaAsJson(text, nameOf(field)) : text
  }
  return read
}

/**
 * The text of a file where `value` is the name of one, YAML as JSON; else `value` itself.
 * @throws UserError, exit code 2, for a directory, a path where no file is and for what is no YAML; exit code 1 for a file that cannot be read
 */
export async function textOfFile(value: string, name: string): Promise<string> {
  const found = await kindOfPath(value)
  if (found === 'directory') throw usageError(`${name} names ${value}, which is a directory: give a file.`)
  if (found === undefined) {
    refuseFileName(value, name, 'there is no such file')
    return value
  }
  const text = await readText(value, MOST_SETTINGS)
  return /\.ya?ml$/i.test(value) ? yamlAsJson(text, value) : text
}

/** A line that only a schema in YAML has at its margin, and fields in short have not. */
const LINE_OF_YAML =
  /^["']?(?:\$(?:schema|id|ref|defs)["']?:\s|type["']?:\s*(?:\[|["']?(?:object|array|string|integer|number|boolean|null)["']?\s*$)|(?:properties|required|items|enum|anyOf|oneOf|allOf)["']?:\s*(?:[[{]|$))/m

/** Whether the text of a schema is YAML, and neither JSON nor fields in short. */
export function isSchemaInYaml(text: string): boolean {
  return !/^\s*[{["]/.test(text) && LINE_OF_YAML.test(text)
}

/**
 * The text of a schema, wherever it comes from: YAML as JSON, and all else as it is.
 * @throws UserError, exit code 2, for what is no YAML
 */
export async function schemaAsJson(text: string, origin: string): Promise<string> {
  return isSchemaInYaml(text) ? yamlAsJson(text, origin) : text
}

async function yamlAsJson(text: string, origin: string): Promise<string> {
  const { parseYaml } = await import('./yaml.js')
  return JSON.stringify(parseYaml(text, origin)) ?? 'null'
}

/** @throws UserError, exit code 2, for a text that is the name of a file rather than what is in it */
export function refuseFileName(value: string, name: string, why: string): void {
  if (PATH.test(value)) throw usageError(`${name} names the file ${value}, but ${why}.`)
}

/**
 * Files are named by flags, in plans and in a chat; a row or a program has their text.
 * @throws UserError as `refuseFileName`
 */
export function requireContent(value: string, name: (typeof FIELDS_OF_FILES)[number]): void {
  refuseFileName(value, name, 'its text is needed: read the file first')
}

/** What a name stands for; nothing for what is no name: too long, or with a NUL. */
async function kindOfPath(name: string): Promise<'file' | 'directory' | undefined> {
  try {
    return (await stat(name)).isDirectory() ? 'directory' : 'file'
  } catch {
    return undefined
  }
}
