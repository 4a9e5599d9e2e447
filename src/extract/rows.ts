import type { Chunk } from './chunks.js'
import type { JsonRecord, JsonValue } from './json.js'
import { type Conflict, type FoundRecord, mergeAll, mergeRecords } from './merge.js'
import { codePointCount, isQuotedRecord, placesOf, type TextSpan, unquoted, withPlaces } from './quotes.js'

/** A text with a name, and what came with it. */
export interface Document {
  readonly id: string | number
  readonly text: string
  /** Fields of its row beside id and text. */
  readonly passed: JsonRecord
}

/** What became of a chunk. */
export interface ChunkResult {
  readonly value?: JsonValue
  readonly error?: string
}

/** A record of the output. */
export interface RecordRow {
  readonly value: JsonValue
  /** Places of its texts in the document, by JSON pointer. */
  readonly spans?: Readonly<Record<string, TextSpan>>
  readonly conflicts?: readonly Conflict[]
}

/** A line of the output. */
export interface DocumentRow {
  readonly id: string | number
  readonly chunks: number
  readonly records: readonly RecordRow[]
  /** Chunks without a value, and why. */
  readonly errors?: readonly { readonly chunk: number; readonly error: string }[]
  readonly passed: JsonRecord
}

export interface RowOptions {
  readonly isMany: boolean
  readonly keys: readonly string[]
  readonly hasSpans: boolean
}

/** The records of a document's chunks, merged. */
export function documentRow(
  { id, text, passed }: Document,
  chunks: readonly Chunk[],
  results: readonly ChunkResult[],
  { isMany, keys, hasSpans }: RowOptions,
): DocumentRow {
  const found: FoundRecord[] = []
  const errors: { chunk: number; error: string }[] = []
  for (const [chunk, { value, error }] of results.entries()) {
    if (value === undefined) {
      errors.push({ chunk, error: error ?? 'The answer was cut off: raise --max-new-tokens.' })
      continue
    }
    const start = codePointCount(text.slice(0, chunks[chunk].start))
    const placed = hasSpans ? withPlaces(value, chunks[chunk].text, start) : withPlaces(value, '', 0)
    for (const record of Array.isArray(placed) ? placed : [placed])
      if (isQuotedRecord(record) && Object.values(record).some((each) => each !== null))
        found.push({ record, chunk })
  }
  const merged = isMany ? mergeRecords(found, keys) : found.length > 0 ? [mergeAll(found)] : []
  const records = merged.map(({ record, conflicts }) => ({
    value: unquoted(record),
    ...(hasSpans && { spans: placesOf(record) }),
    ...(conflicts.length > 0 && { conflicts }),
  }))
  return { id, chunks: chunks.length, records, passed, ...(errors.length > 0 && { errors }) }
}

/** A document's line: `items` where there may be several records, `value` where there is one. */
export function jsonRow({ id, chunks, records, errors, passed }: DocumentRow, isMany: boolean): string {
  const [first] = records
  const found = isMany
    ? { items: records.map(({ value }) => value), ...lists(records) }
    : { value: first?.value ?? null, spans: first?.spans, conflicts: first?.conflicts }
  return JSON.stringify({ id, ...passed, ...found, chunks, errors })
}

function lists(records: readonly RecordRow[]) {
  const hasSpans = records.some(({ spans }) => spans)
  const hasConflicts = records.some(({ conflicts }) => conflicts)
  return {
    ...(hasSpans && { spans: records.map(({ spans = {} }) => spans) }),
    ...(hasConflicts && { conflicts: records.map(({ conflicts = [] }) => conflicts) }),
  }
}

/** The records of all documents as a table: a column for the document, and one for each field; inner values as JSON. */
export function tableOf(
  rows: readonly DocumentRow[],
  fields: readonly string[],
): readonly (readonly string[])[] {
  const body = rows.flatMap(({ id, records }) =>
    records.map(({ value }) => [
      String(id),
      ...fields.map((field) => {
        const cell = (value as JsonRecord)[field]
        if (cell === null || cell === undefined) return ''
        return typeof cell === 'string' ? cell : JSON.stringify(cell)
      }),
    ]),
  )
  return [['document', ...fields], ...body]
}
