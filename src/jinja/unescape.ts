import { JinjaError, unsupportedSyntax } from './errors.js'

const ESCAPE = /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g
const SINGLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** The value of a string literal, as Python's codec `unicode-escape` decodes it; an escape that is none stays as it is. */
export function unescapeText(literal: string, line: number): string {
  if (!literal.includes('\\')) return literal
  // Jinja escapes what is not ASCII first, so that a backslash before such a character stays one, before its escape.
  const ascii = literal.replace(/\\([^\0-\x7f])/gu, (_, character: string) => `\\\\${escapeOf(character)}`)
  return ascii.replace(ESCAPE, (sequence, octal, two, four, eight, character) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    const hex = two ?? four ?? eight
    if (hex !== undefined) {
      const code = Number.parseInt(hex, 16)
      if (code <= 0x10ffff) return String.fromCodePoint(code)
      throw new JinjaError('syntax', `the escape ${sequence} is no character`, line)
    }
    if (character === 'N') unsupportedSyntax('characters by their name (\\N)', line)
    if (/[xuU]/.test(character)) throw new JinjaError('syntax', `the escape ${sequence} is cut off`, line)
    return SINGLE[character] ?? sequence
  })
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0)!
  const hex = code.toString(16)
  if (code < 0x100) return `x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `u${hex.padStart(4, '0')}` : `U${hex.padStart(8, '0')}`
}
