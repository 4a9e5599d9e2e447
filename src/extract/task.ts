import { usageError } from '../errors.js'
import { isRecord, type JsonRecord, type JsonValue } from './json.js'
import { type Example, isKorNode, readKor } from './kor.js'

/** What is to be found in texts. */
export interface ExtractionTask {
  /** JSON schema of one record: an object. */
  readonly record: JsonRecord
  /** Definitions that it refers to. */
  readonly definitions: JsonRecord
  /** Whether a text has several records. */
  readonly isMany: boolean
  /** Values as they are written: a list of records, or one. */
  readonly examples: readonly Example[]
}

/**
 * Reads what is to be found: a JSON schema of an object, one of a list of objects, or Kor's nodes.
 * @param schema parsed
 * @param asksForMany whether texts have several records of a schema of one
 * @throws UserError, exit code 2
 */
export function readTask(schema: unknown, asksForMany: boolean): ExtractionTask {
  if (isKorNode(schema)) {
    const kor = readKor(schema)
    const isMany = kor.isMany || asksForMany
    const listed = isMany && !kor.isMany
    const examples = listed ? kor.examples.map(({ text, value }) => ({ text, value: [value] })) : kor.examples
    return {
      record: nullable(kor.schema),
      definitions: {},
      isMany,
      examples: examples.map(filled(kor.schema)),
    }
  }
  if (!isRecord(schema)) throw usageError('The schema is no object: give the schema of an object, or fields.')
  const { $schema: _, $defs, definitions, ...root } = schema
  const shared: JsonRecord = { ...($defs && { $defs }), ...(definitions && { definitions }) }
  const isList = root.type === 'array'
  const record = isList ? root.items : root
  if (!isRecord(record) || !(isRecord(record.properties) || '$ref' in record))
    throw usageError(
      'The schema has no fields: give the schema of an object with properties, or of a list of such objects.',
    )
  return { record, definitions: shared, isMany: isList || asksForMany, examples: [] }
}

/** Examples of Kor's name the fields of one node alone; the others are null, or have no items. */
function filled(schema: JsonRecord): (example: Example) => Example {
  return ({ text, value }) => ({
    text,
    value: Array.isArray(value) ? value.map((each) => fill(schema, each)) : fill(schema, value),
  })
}

function fill(schema: JsonRecord, value: JsonValue): JsonValue {
  if (!isRecord(schema.properties) || !isRecord(value)) return value
  const fields = Object.entries(schema.properties).map(([name, each]) => {
    const given = value[name]
    const { type, items } = each as JsonRecord
    if (type === 'array') {
      const list = Array.isArray(given) ? given : []
      return [name, list.map((item) => fill(items as JsonRecord, item))] as const
    }
    return [name, given === undefined || given === '' ? null : fill(each as JsonRecord, given)] as const
  })
  return Object.fromEntries(fields)
}

/** A value whose fields come in the order of its schema, as a model writes them. */
export function inOrder(schema: JsonRecord, value: JsonValue): JsonValue {
  if (Array.isArray(value))
    return value.map((each) => inOrder(isRecord(schema.items) ? schema.items : schema, each))
  if (!isRecord(value)) return value
  const own = Array.isArray(schema.anyOf) && isRecord(schema.anyOf[0]) ? schema.anyOf[0] : schema
  const properties = isRecord(own.properties) ? own.properties : {}
  const names = [...Object.keys(properties).filter((name) => name in value), ...Object.keys(value)]
  const entries = [...new Set(names)].map((name) => [
    name,
    inOrder((properties[name] ?? {}) as JsonRecord, value[name]),
  ])
  return Object.fromEntries(entries)
}

/** A schema whose texts, numbers, choices and inner objects may be null, which says that the text does not tell them. */
export function nullable(schema: JsonRecord, isField = false): JsonRecord {
  const { properties, items, $defs, definitions, ...rest } = schema
  const made: JsonRecord = {
    ...rest,
    ...(isRecord(properties) && { properties: mapValues(properties, (each) => nullable(each, true)) }),
    ...(isRecord(items) && { items: nullable(items) }),
    ...(isRecord($defs) && { $defs: mapValues($defs, nullable) }),
    ...(isRecord(definitions) && { definitions: mapValues(definitions, nullable) }),
  }
  if (!isField || schema.type === 'array') return made
  const { description, ...unsaid } = made
  return { ...(description !== undefined && { description }), anyOf: [unsaid, { type: 'null' }] }
}

/** A schema whose free texts are pieces of another text, word for word. */
export function quoting(schema: JsonRecord, text: string): JsonRecord {
  const within = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(within)
    return isRecord(value) ? quoting(value, text) : value
  }
  const { properties, enum: choices, const: only, ...rest } = schema
  const isFree = schema.type === 'string' && choices === undefined && only === undefined
  return {
    ...mapValues(rest, within),
    ...(isRecord(properties) && { properties: mapValues(properties, within) }),
    ...(choices !== undefined && { enum: choices }),
    ...(only !== undefined && { const: only }),
    ...(isFree && { substringOf: text }),
  }
}

function mapValues(record: JsonRecord, change: (value: JsonRecord) => JsonValue): JsonRecord {
  return Object.fromEntries(Object.entries(record).map(([name, each]) => [name, change(each as JsonRecord)]))
}

/** The schema of what is written for a text. */
export function outputSchema({ record, definitions, isMany }: ExtractionTask): JsonRecord {
  return isMany ? { type: 'array', items: record, ...definitions } : { ...record, ...definitions }
}
