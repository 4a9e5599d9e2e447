import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { usageError } from '../../errors.js'
import { isRecord, type JsonRecord } from '../../extract/json.js'
import type { Document } from '../../extract/rows.js'
import { MOST_TEXT, readText, STDIO, unreadable } from '../../files.js'
import { readStdin } from '../io/stdin.js'

/** The field of a row that has the text, where none is named. */
const TEXT = 'text'

/**
 * Documents of files: each text is one, and JSON Lines have one a line.
 * @param field of JSON Lines that has the text; stdin is JSON Lines where it is given
 * @throws UserError for files that cannot be read or are no text, and for lines without a text, exit code 2 for usage
 */
export async function readTexts(
  sources: readonly string[],
  field: string | undefined,
): Promise<readonly Document[]> {
  const documents: Document[] = []
  for (const source of sources) {
    const text = source === STDIO ? await readStdin('the document', MOST_TEXT) : await readFileText(source)
    const isLines = source === STDIO ? field !== undefined : /\.(jsonl|ndjson)$/i.test(source)
    const id = source === STDIO ? 'stdin' : sources.length > 1 ? source : basename(source)
    if (isLines) documents.push(...linesOf(text, source, field ?? TEXT))
    else documents.push({ id, text: text.replace(/\r\n/g, '\n'), passed: {} })
  }
  const seen = new Set<string>()
  for (const { id } of documents) {
    const key = JSON.stringify(id)
    if (seen.has(key)) throw usageError(`Two documents are called ${key}: give each an id of its own.`)
    seen.add(key)
  }
  if (documents.length === 0) throw usageError('There are no documents: the files have no lines.')
  return documents
}

async function readFileText(path: string): Promise<string> {
  const found = await stat(path).catch((error) => {
    throw unreadable(path, error)
  })
  if (found.isDirectory()) throw usageError(`${path} is a directory: give its files, such as ${path}/*.txt.`)
  const text = await readText(path)
  if (text.includes('\0')) throw usageError(`${path} is no text: it has bytes that are 0.`)
  return text
}

function linesOf(text: string, source: string, field: string): readonly Document[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const place = `Line ${i + 1} of ${source === STDIO ? 'stdin' : source}`
    const row = parsed(line, place)
    const { [field]: body, id = i + 1, ...passed } = row
    if (typeof body !== 'string')
      throw usageError(
        `${place} has no text in its field ${JSON.stringify(field)}: name another one with --field.`,
      )
    if (typeof id !== 'string' && typeof id !== 'number')
      throw usageError(`${place} has an id that is no text or number.`)
    return [{ id, text: body, passed }]
  })
}

function parsed(line: string, place: string): JsonRecord {
  try {
    const value: unknown = JSON.parse(line)
    if (isRecord(value)) return value
  } catch (error) {
    throw usageError(`${place} is not valid JSON: ${(error as Error).message}.`)
  }
  throw usageError(`${place} holds no JSON object.`)
}
