/** Whitespace between the tokens of JSON text. */
export type Whitespace =
  /** None. */
  | 'compact'
  /** One space after commas and colons, as Python's `json.dumps` writes it. */
  | 'python'
  /** A line for each member and item, indented by so many spaces a level. */
  | { readonly indent: number }
  /** Any, but at most so many characters between two tokens. */
  | { readonly flexible: number }

/** What was read last. */
export const Position = { START: 0, OPEN: 1, COMMA: 2, KEY: 3, COLON: 4, VALUE: 5 } as const

/** What comes next: a value or key, a colon, a comma, a closing bracket. */
export type Next = 'value' | 'colon' | 'comma' | 'close'

/** What may come after each position. */
export const NEXTS: readonly (readonly Next[])[] = [
  ['value'],
  ['value', 'close'],
  ['value'],
  ['colon'],
  ['value'],
  ['comma', 'close'],
]

/** Levels that are indented; deeper ones than JSON text may have do not come. */
const DEEPEST = 600

/**
 * What may stand between two tokens: a text, or the most characters of any whitespace.
 * @param depth of the brackets around the place
 */
export function gapBetween(
  whitespace: Whitespace,
  position: number,
  next: Next,
  depth: number,
): string | number {
  if (position === Position.START) return ''
  if (typeof whitespace === 'object' && 'flexible' in whitespace) return whitespace.flexible
  const afterColon = position === Position.COLON && whitespace !== 'compact' ? ' ' : ''
  if (typeof whitespace === 'string')
    return position === Position.COMMA && whitespace === 'python' ? ' ' : afterColon
  const isNewLine =
    position === Position.COMMA ||
    (position === Position.OPEN && next !== 'close') ||
    (position === Position.VALUE && next === 'close')
  if (!isNewLine) return afterColon
  const level = next === 'close' ? depth - 1 : depth
  return `\n${' '.repeat(whitespace.indent * Math.min(level, DEEPEST))}`
}

const SPACES = ' \n\r\t'
const VALUES = `${SPACES}"-0123456789{[tfn`
/** Bytes after each position in an object or array, and outside of both. */
const BYTES = [VALUES, `${VALUES}]}`, VALUES, `${SPACES}:`, VALUES, `${SPACES},]}`].map(flagsOf)
const KEYS = flagsOf(`${SPACES}"`)
const OPEN_OBJECT = flagsOf(`${SPACES}"}`)
const NO_BYTES = new Uint8Array(256)

function flagsOf(characters: string): Uint8Array {
  const flags = new Uint8Array(256)
  for (const byte of Buffer.from(characters)) flags[byte] = 1
  return flags
}

/** All bytes that may come after a position, a flag each. */
export function bytesAt(position: number, isObject: boolean): Uint8Array {
  if (isObject && position === Position.OPEN) return OPEN_OBJECT
  if (isObject && position === Position.COMMA) return KEYS
  return BYTES[position] ?? NO_BYTES
}
