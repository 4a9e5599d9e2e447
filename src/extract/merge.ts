import type { JsonValue } from './json.js'
import { isQuotedRecord, Quote, type Quoted, type QuotedRecord, unquoted } from './quotes.js'

/** A record that a chunk of a document had. */
export interface FoundRecord {
  readonly record: QuotedRecord
  /** The number of the chunk, from 0. */
  readonly chunk: number
}

/** A field for which chunks tell different values, of which the first counts. */
export interface Conflict {
  /** JSON pointer within the record. */
  readonly field: string
  readonly values: readonly { readonly value: JsonValue; readonly chunk: number }[]
}

export interface MergedRecord {
  readonly record: QuotedRecord
  readonly conflicts: readonly Conflict[]
}

/**
 * One record of all that have the same values of the key fields: the first value that is there counts, lists are united. Without key fields,
 * and for records whose key is null, only equal records are one. Values are compared without case, white space and the forms of characters.
 */
export function mergeRecords(
  found: readonly FoundRecord[],
  keys: readonly string[],
): readonly MergedRecord[] {
  const groups = new Map<string, FoundRecord[]>()
  for (const each of found) {
    const values = keys.map((key) => each.record[key] ?? null)
    const hasKey = values.some((value) => value !== null)
    const key = hasKey ? `key ${JSON.stringify(values.map(normalized))}` : normalized(each.record)
    const group = groups.get(key)
    if (group) group.push(each)
    else groups.set(key, [each])
  }
  return [...groups.values()].map(mergeAll)
}

/** One record of all. */
export function mergeAll(found: readonly FoundRecord[]): MergedRecord {
  const conflicts = new Map<string, { value: JsonValue; chunk: number }[]>()
  const [first, ...others] = found
  let { record } = first
  for (const other of others)
    record = merged(record, other.record, { first, other, conflicts }, '') as QuotedRecord
  return { record, conflicts: [...conflicts].map(([field, values]) => ({ field, values })) }
}

interface Merging {
  readonly first: FoundRecord
  readonly other: FoundRecord
  readonly conflicts: Map<string, { value: JsonValue; chunk: number }[]>
}

function merged(ours: Quoted, theirs: Quoted, merging: Merging, pointer: string): Quoted {
  if (theirs === null || theirs === undefined) return ours
  if (ours === null || ours === undefined) return theirs
  if (Array.isArray(ours) && Array.isArray(theirs)) return united([...ours, ...theirs])
  if (isQuotedRecord(ours) && isQuotedRecord(theirs)) {
    const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
    const entries = [...names].map(
      (name) =>
        [name, merged(ours[name] ?? null, theirs[name] ?? null, merging, `${pointer}/${name}`)] as const,
    )
    return Object.fromEntries(entries)
  }
  if (normalized(ours) !== normalized(theirs)) {
    const { first, other, conflicts } = merging
    const values = conflicts.get(pointer) ?? [{ value: unquoted(ours), chunk: first.chunk }]
    conflicts.set(pointer, values)
    const isKnown = values.some(({ value }) => normalized(value as Quoted) === normalized(theirs))
    if (!isKnown) values.push({ value: unquoted(theirs), chunk: other.chunk })
  }
  return ours
}

/** Items of which each normalised value is there once. */
export function united(items: readonly Quoted[]): readonly Quoted[] {
  const seen = new Map<string, Quoted>()
  for (const item of items) {
    const key = normalized(item)
    if (!seen.has(key)) seen.set(key, item)
  }
  return [...seen.values()]
}

/** A value as a text that others have which say the same. */
function normalized(value: Quoted): string {
  if (value instanceof Quote) return normalized(value.text)
  if (typeof value === 'string')
    return JSON.stringify(value.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim())
  if (Array.isArray(value)) return `[${value.map(normalized).join()}]`
  if (!isQuotedRecord(value)) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}:${normalized(each)}`)
    .join()}}`
}
