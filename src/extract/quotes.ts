import { isRecord, type JsonValue } from './json.js'

/** A place of a document: from its first character to the one after its last, in code points. */
export type TextSpan = readonly [start: number, end: number]

/** A text of a record with its place in the document. */
export class Quote {
  constructor(
    readonly text: string,
    readonly span: TextSpan,
  ) {}
}

/** A value whose texts may be quotes. */
export type Quoted = null | boolean | number | string | Quote | readonly Quoted[] | QuotedRecord
export type QuotedRecord = { readonly [field: string]: Quoted }

export function isQuotedRecord(value: Quoted | undefined): value is QuotedRecord {
  return isRecord(value) && !(value instanceof Quote)
}

/**
 * A value with the places of its texts: the first one after that of the text before it, or else the first of all, at the bounds of words where
 * there is one. Texts that do not stand there stay as they are.
 * @param chunk of the document
 * @param start of the chunk, in code points
 */
export function withPlaces(value: JsonValue, chunk: string, start: number): Quoted {
  let last = 0
  const placed = (each: JsonValue): Quoted => {
    if (Array.isArray(each)) return each.map(placed)
    if (isRecord(each))
      return Object.fromEntries(Object.entries(each).map(([name, one]) => [name, placed(one)]))
    if (typeof each !== 'string' || each === '') return each as Quoted
    const at =
      [placeOf(each, chunk, last), placeOf(each, chunk, 0)].find((place) => place >= 0) ?? chunk.indexOf(each)
    if (at < 0) return each
    last = at
    const first = start + codePointCount(chunk.slice(0, at))
    return new Quote(each, [first, first + codePointCount(each)])
  }
  return placed(value)
}

const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character)

/** Where a text stands at the bounds of words; −1 where it does not. */
function placeOf(text: string, chunk: string, from: number): number {
  for (let at = chunk.indexOf(text, from); at >= 0; at = chunk.indexOf(text, at + 1)) {
    const end = at + text.length
    const isCut = isWord(chunk[at - 1]) && isWord(text[0])
    if (!isCut && !(isWord(chunk[end]) && isWord(text.at(-1)))) return at
  }
  return -1
}

export function codePointCount(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** A value as JSON has it. */
export function unquoted(value: Quoted): JsonValue {
  if (value instanceof Quote) return value.text
  if (Array.isArray(value)) return value.map(unquoted)
  if (!isQuotedRecord(value)) return value as JsonValue
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unquoted(each)]))
}

/** Places of a value's quotes, by JSON pointer. */
export function placesOf(value: Quoted, pointer = ''): Record<string, TextSpan> {
  if (value instanceof Quote) return { [pointer]: value.span }
  const parts = Array.isArray(value)
    ? [...value.entries()]
    : isQuotedRecord(value)
      ? Object.entries(value)
      : []
  return Object.assign(
    {},
    ...parts.map(([name, each]) => placesOf(each as Quoted, `${pointer}/${escaped(String(name))}`)),
  )
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')
