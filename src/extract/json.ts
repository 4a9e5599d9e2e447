/** A value of JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonRecord
export type JsonRecord = { readonly [field: string]: JsonValue }

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
