import { isRecord, type JsonRecord, type JsonValue } from './json.js'

export const DESCRIPTORS = ['typescript', 'bullets'] as const
export type Descriptor = (typeof DESCRIPTORS)[number]

/** A schema in words that models know: a type of TypeScript's, or a list of bullets. @param whole where its references lead */
export function describe(schema: JsonRecord, descriptor: Descriptor, whole: JsonRecord = schema): string {
  const type = descriptor === 'typescript' ? typeText(schema, whole, '') : undefined
  return type ?? bullets(schema, whole, '').join('\n')
}

/** Levels that are described. */
const DEEPEST = 8

function typeText(schema: JsonRecord, whole: JsonRecord, indent: string): string {
  const { schema: own, isNullable } = plain(schema, whole)
  const text = unionText(own, whole, indent)
  return isNullable ? `${text} | null` : text
}

function unionText(schema: JsonRecord, whole: JsonRecord, indent: string): string {
  const { type, properties, items, enum: choices, const: only, anyOf, oneOf } = schema
  if (only !== undefined) return JSON.stringify(only)
  if (Array.isArray(choices)) return choices.map((each) => JSON.stringify(each)).join(' | ')
  const either = anyOf ?? oneOf
  if (Array.isArray(either))
    return either
      .filter(isRecord)
      .map((each) => typeText(each, whole, indent))
      .join(' | ')
  if (isRecord(properties) && indent.length < 2 * DEEPEST) {
    const inner = `${indent}  `
    const lines = Object.entries(properties).map(([name, field]) => {
      const note = noteOf(field, whole)
      return `${inner}${name}: ${typeText(field as JsonRecord, whole, inner)}${note && ` // ${note}`}`
    })
    return `{\n${lines.join('\n')}\n${indent}}`
  }
  if (type === 'array' || isRecord(items)) {
    const item = isRecord(items) ? typeText(items, whole, indent) : 'any'
    return item.includes('|') ? `(${item})[]` : `${item}[]`
  }
  const types = Array.isArray(type) ? type : [type ?? 'any']
  return types.map((each) => (each === 'integer' ? 'number' : String(each))).join(' | ')
}

function bullets(schema: JsonRecord, whole: JsonRecord, indent: string): readonly string[] {
  const { schema: own } = plain(schema, whole)
  const { properties, items } = own
  if (!isRecord(properties))
    return isRecord(items) && indent.length < 2 * DEEPEST ? bullets(items, whole, indent) : []
  return Object.entries(properties).flatMap(([name, field]) => {
    const note = noteOf(field, whole)
    const inner = plain(field as JsonRecord, whole).schema
    const isNested =
      isRecord(inner.properties) ||
      (isRecord(inner.items) && isRecord(plain(inner.items, whole).schema.properties))
    const kind = isNested
      ? isRecord(inner.items)
        ? 'list of objects'
        : 'object'
      : typeText(field as JsonRecord, whole, '')
    const line = `${indent}- ${name} (${kind})${note && `: ${note}`}`
    return isNested ? [line, ...bullets(inner, whole, `${indent}  `)] : [line]
  })
}

function noteOf(field: JsonValue, whole: JsonRecord): string {
  if (!isRecord(field)) return ''
  const { description = plain(field, whole).schema.description } = field
  return typeof description === 'string' ? description.replace(/\s+/g, ' ') : ''
}

/** A schema without the null that it may be, and with what its reference leads to. */
function plain(
  schema: JsonRecord,
  whole: JsonRecord,
): { readonly schema: JsonRecord; readonly isNullable: boolean } {
  const { $ref, anyOf } = schema
  if (typeof $ref === 'string' && $ref.startsWith('#/')) {
    let target: JsonValue | undefined = whole
    for (const name of $ref.slice(2).split('/')) target = isRecord(target) ? target[name] : undefined
    return { schema: isRecord(target) ? target : {}, isNullable: false }
  }
  if (!Array.isArray(anyOf)) return { schema, isNullable: false }
  const others = anyOf.filter(isRecord).filter(({ type }) => type !== 'null')
  return others.length === 1 && anyOf.length === 2
    ? { schema: plain(others[0], whole).schema, isNullable: true }
    : { schema, isNullable: false }
}
