/** A character class of what Python's `str.isspace` and its `\s` take for space. */
export const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'

const space = new RegExp(SPACE)
export const isSpace = (character: string) => space.test(character)

/** `str.rstrip`, of spaces or of the characters of a text. */
export function stripEnd(text: string, isStripped: (character: string) => boolean = isSpace): string {
  let end = text.length
  while (end > 0) {
    const isPair = end > 1 && /[\udc00-\udfff]/.test(text[end - 1]) && /[\ud800-\udbff]/.test(text[end - 2])
    const start = end - (isPair ? 2 : 1)
    if (!isStripped(text.slice(start, end))) break
    end = start
  }
  return text.slice(0, end)
}

/** `str.lstrip`. */
export function stripStart(text: string, isStripped: (character: string) => boolean = isSpace): string {
  let start = 0
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!)
    if (!isStripped(character)) break
    start += character.length
  }
  return text.slice(start)
}
