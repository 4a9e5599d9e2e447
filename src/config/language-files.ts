import { stat } from 'node:fs/promises'
import { usageError } from '../errors.js'
import { MOST_SETTINGS, readText } from '../files.js'

/** Settings whose text may be a file's. */
export const FIELDS_OF_FILES = ['schema', 'grammar', 'tools'] as const

/** A name rather than the thing itself: an address, a path, or a word with an ending that such files have. */
const PATH =
  /^(?:[a-z][a-z\d+.-]*:\/\/\S*|[^\s{}[\],:=]*(?:[/\\][^\s{},:=]*|\.(?:json|ya?ml|gbnf|lark|ebnf)))$/i

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
    if (typeof value === 'string') read[field] = await textOfFile(value, nameOf(field))
  }
  return read
}

/**
 * The text of a file where `value` is the name of one, YAML as JSON; else `value` itself.
 * @throws UserError, exit code 2, for a path where no file is and for what is no YAML; exit code 1 for a file that cannot be read
 */
export async function textOfFile(value: string, name: string): Promise<string> {
  if (!(await isFile(value))) {
    refuseFileName(value, name, 'there is no such file')
    return value
  }
  const text = await readText(value, MOST_SETTINGS)
  if (!/\.ya?ml$/i.test(value)) return text
  const { parseYaml } = await import('./yaml.js')
  return JSON.stringify(parseYaml(text, value)) ?? 'null'
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

/** Whether there is something to be read; not for what is no name: too long, or with a NUL. */
async function isFile(name: string): Promise<boolean> {
  try {
    return !(await stat(name)).isDirectory()
  } catch {
    return false
  }
}
