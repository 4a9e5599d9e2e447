import { usageError } from '../errors.js'
import { parseJson as parseJsonText } from '../json.js'
import type { FieldKind } from './schema.js'

/**
 * A field's value from text; texts are one, or a list in JSON. Ranges are the schema's to check, which names the field; here it is only that the text is of the
 * right kind.
 * @param name what messages call the field: `--top-p`
 * @throws UserError, exit code 2, for text that is no value of the kind
 */
export function parseValue(kind: FieldKind, text: string, name: string): unknown {
  return parsers[kind](text, name)
}

const parsers: Readonly<Record<FieldKind, (text: string, name: string) => unknown>> = {
  boolean: parseBoolean,
  string: (text) => text,
  strings: (text, name) => (text.startsWith('[') ? parseJson(text, name) : text),
  integer: parseInteger,
  number: parseNumber,
  integers: (text, name) => text.split(',').map((item) => parseInteger(item, name)),
  json: parseJson,
}

function parseBoolean(text: string, name: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw usageError(`${name} cannot be ${JSON.stringify(text)}: give true or false.`)
}

function parseNumber(text: string, name: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw usageError(`${name} cannot be ${JSON.stringify(text)}: give a number.`)
}

function parseInteger(text: string, name: string): number {
  const value = parseNumber(text, name)
  if (Number.isSafeInteger(value)) return value
  // Beyond it numbers of JavaScript are rounded.
  const bound = Number.isInteger(value)
    ? ` ${value > 0 ? 'up to' : 'from'} ${Math.sign(value) * Number.MAX_SAFE_INTEGER}`
    : ''
  throw usageError(
    `${name} cannot be ${JSON.stringify(text)}: give a whole number${bound}${bound && value < 0 ? ' on' : ''}.`,
  )
}

/** A word that is no JSON is a string: `--early-stopping never`. */
function parseJson(text: string, name: string): unknown {
  try {
    return parseJsonText(text, name, 2)
  } catch (error) {
    if (/^\w+$/.test(text)) return text
    throw error
  }
}
