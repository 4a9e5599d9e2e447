import type { GgufCursor } from './gguf-cursor.js'

const STRING = 8
const ARRAY = 9
const MAX_DEPTH = 4
/** Elements of an array that is kept at most: the largest vocabularies have 262,144 tokens and twice as many merges. */
const MAX_LENGTH = 2 ** 21
/** Elements of an array that is kept whatever its key: a number for each layer, or a list of tags. */
const SHORT = 4096
const VOCABULARY: ReadonlySet<string> = new Set(
  ['tokens', 'token_type', 'scores', 'merges'].map((name) => `tokenizer.ggml.${name}`),
)

type Numbers = new (length: number) => { [index: number]: number }

interface ValueType {
  /** That a value takes at least. */
  readonly bytes: number
  readonly read: (cursor: GgufCursor) => unknown
  /** What an array of them is held as; others are arrays of JavaScript. */
  readonly array?: Numbers
}

/** By type code; arrays themselves are not among them. */
const TYPES: readonly (ValueType | undefined)[] = [
  { bytes: 1, read: (cursor) => cursor.u8(), array: Uint8Array },
  { bytes: 1, read: (cursor) => cursor.i8(), array: Int8Array },
  { bytes: 2, read: (cursor) => cursor.u16(), array: Uint16Array },
  { bytes: 2, read: (cursor) => cursor.i16(), array: Int16Array },
  { bytes: 4, read: (cursor) => cursor.u32(), array: Uint32Array },
  { bytes: 4, read: (cursor) => cursor.i32(), array: Int32Array },
  { bytes: 4, read: (cursor) => cursor.f32(), array: Float32Array },
  { bytes: 1, read: (cursor) => cursor.bool() },
  { bytes: 8, read: (cursor) => cursor.string() },
  undefined,
  { bytes: 8, read: (cursor) => cursor.u64() },
  { bytes: 8, read: (cursor) => cursor.i64() },
  { bytes: 8, read: (cursor) => cursor.f64(), array: Float64Array },
]

/**
 * Reads a metadata value, after its key.
 * @returns undefined for a long array that is no part of the vocabulary, which is passed over
 * @throws UserError for an unknown type, and an array that the file has no room for or that is too long to be kept
 */
export function readGgufValue(cursor: GgufCursor, key: string): unknown {
  const type = cursor.u32()
  if (type === ARRAY) return readArray(cursor, key)
  const value = TYPES[type]
  if (!value) throw cursor.damaged(`a metadata value has the unknown type ${type}`)
  return value.read(cursor)
}

function readArray(cursor: GgufCursor, key: string): unknown {
  const { type, length } = arrayHeader(cursor)
  if (type === ARRAY || (length > SHORT && !VOCABULARY.has(key))) {
    skipElements(cursor, type, length, 1)
    return undefined
  }
  if (length > MAX_LENGTH) throw cursor.damaged(`${key} claims ${length} elements`)
  const { array: Numbers = Array, read } = TYPES[type]!
  const values = new (Numbers as new (length: number) => unknown[])(length)
  for (let i = 0; i < length; i++) values[i] = read(cursor)
  return values
}

function arrayHeader(cursor: GgufCursor): { type: number; length: number } {
  const type = cursor.u32()
  const value = TYPES[type]
  if (type !== ARRAY && !value) throw cursor.damaged(`an array has the unknown type ${type}`)
  const length = cursor.size('the length of an array')
  // An array within an array has at least its own type and length.
  if (length * (value?.bytes ?? 12) > cursor.remaining) {
    throw cursor.damaged(`an array claims ${length} elements`)
  }
  return { type, length }
}

function skipElements(cursor: GgufCursor, type: number, length: number, depth: number): void {
  if (type !== ARRAY && type !== STRING) {
    cursor.skip(length * TYPES[type]!.bytes)
    return
  }
  if (type === ARRAY && depth >= MAX_DEPTH) throw cursor.damaged('arrays are nested too deeply')
  for (let i = 0; i < length; i++) {
    if (type === STRING) cursor.skip(cursor.size('the length of a string'))
    else {
      const inner = arrayHeader(cursor)
      skipElements(cursor, inner.type, inner.length, depth + 1)
    }
  }
}
