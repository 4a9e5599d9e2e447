import { UserError } from './errors.js'

/**
 * The value of a JSON text.
 * @param origin of the text, for the message: a path, `stdin`
 * @param exitCode of the error: 2 where the user wrote the text, 1 where it came with a model
 * @throws UserError with what is wrong and at which line and column
 */
export function parseJson(text: string, origin: string, exitCode: 1 | 2 = 1): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const offset = faultOffset(text)
    const before = text.slice(0, offset)
    const line = before.split('\n').length
    const column = offset - before.lastIndexOf('\n')
    const place = `line ${line}, column ${column}`
    const message = `${origin} is not valid JSON: ${place}: ${faultAt(text, offset)}.`
    throw new UserError(message, exitCode, { cause: error })
  }
}

/** @throws UserError as `parseJson`, and for a value that is no object */
export function parseJsonObject(
  text: string,
  origin: string,
  exitCode: 1 | 2 = 1,
): Readonly<Record<string, unknown>> {
  const value = parseJson(text, origin, exitCode)
  if (isJsonObject(value)) return value
  throw new UserError(`${origin} holds ${kindOf(value)}, where a JSON object is needed.`, exitCode)
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The kind of a JSON value, with its article, for messages. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function faultAt(text: string, offset: number): string {
  const rest = text.slice(offset, offset + 20)
  if (text.trim() === '') return 'it is empty'
  if (rest.trim() === '') return 'it ends too early'
  // Python's json writes and reads these.
  const number = /^-?(?:Infinity|NaN)\b/.exec(rest)?.[0]
  if (number) return `${number} is no number of JSON: write null, or leave the field out`
  if (rest[0] === '"') return 'a text is not closed, or holds a control character or a wrong escape'
  return `${JSON.stringify(String.fromCodePoint(rest.codePointAt(0)!))} is unexpected`
}

const SCALAR =
  /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b/uy

/** The offset of the first token that JSON's grammar does not allow; JSON.parse tells it of some faults only. */
function faultOffset(text: string): number {
  const open: ('{' | '[')[] = []
  let wanted: 'value' | 'key' | 'colon' | 'next' = 'value'
  let mayClose = false
  let offset = 0
  const match = (pattern: RegExp) => {
    pattern.lastIndex = offset
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) offset += found.length
    return found
  }
  for (;;) {
    match(/[ \t\r\n]*/y)
    const at = offset
    const inside = open.at(-1)
    if ((wanted === 'next' || mayClose) && inside && match(inside === '{' ? /\}/y : /\]/y)) {
      open.pop()
      wanted = 'next'
      mayClose = false
    } else if (wanted === 'next') {
      if (!inside || !match(/,/y)) return at
      wanted = inside === '{' ? 'key' : 'value'
    } else if (wanted === 'colon') {
      if (!match(/:/y)) return at
      wanted = 'value'
    } else if (wanted === 'key') {
      if (text[at] !== '"' || !match(SCALAR)) return at
      wanted = 'colon'
      mayClose = false
    } else {
      const bracket = match(/[{[]/y) as '{' | '[' | undefined
      if (bracket) open.push(bracket)
      else if (!match(SCALAR)) return at
      wanted = !bracket ? 'next' : bracket === '{' ? 'key' : 'value'
      mayClose = bracket !== undefined
    }
  }
}
