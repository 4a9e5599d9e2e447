import { UserError } from '../errors.js'

/** Values in one JSON text at most: JavaScript needs some 100 bytes for each, however short it is written. */
const MOST_VALUES = 2 ** 20

/**
 * Keeps the memory that a JSON text takes as values near its size.
 * @param origin of the text, for the message
 * @throws UserError for more values than a model's files have
 */
export function requireFewValues(json: Uint8Array, origin: string): void {
  if (valuesIn(json) <= MOST_VALUES) return
  throw new UserError(
    `${origin} lists too much: at most ${MOST_VALUES.toLocaleString('en')} values are read.`,
  )
}

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = [...'"\\,[{'].map((sign) => sign.charCodeAt(0))

/** Commas and opening brackets outside of texts: at least as many as there are values, less one. */
function valuesIn(json: Uint8Array): number {
  let values = 0
  let inText = false
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (inText) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) values++
  }
  return values
}
