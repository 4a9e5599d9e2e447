import { ByteSet } from './byte-set.js'
import { ANY, type CodePoints, codePoints, includesCodePoint, intersection } from './code-points.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'
import { type CodePointRange, digitRanges } from './utf8.js'

/** The spelling of characters in bytes. */
export interface Encoding {
  /** One character of the set. */
  character(set: CodePoints): Regex
  /** Any characters. */
  readonly text: Regex
}

const UTF8_LONGER =
  '[\\xc2-\\xdf][\\x80-\\xbf]|\\xe0[\\xa0-\\xbf][\\x80-\\xbf]|[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}|\\xed[\\x80-\\x9f][\\x80-\\xbf]|' +
  '\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}|[\\xf1-\\xf3][\\x80-\\xbf]{3}|\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}'
const UTF8_TEXT = new RegExp(`^(?:[\\0-\\x7f]|${UTF8_LONGER})*$`)
const JSON_CHARACTER = `[\\x20\\x21\\x23-\\x5b\\x5d-\\x7f]|${UTF8_LONGER}`
const CONTROL_ESCAPE = 'u00(?:0[0-7bBeEfF]|1[0-9a-fA-F])'
const JSON_TEXT = new RegExp(`^(?:${JSON_CHARACTER}|\\\\(?:["\\\\bfnrt]|${CONTROL_ESCAPE}))*$`)
const ANY_ESCAPE =
  '["\\\\/bfnrt]|u(?:[0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2})'
const JSON_ANY_TEXT = new RegExp(`^(?:${JSON_CHARACTER}|\\\\(?:${ANY_ESCAPE}))*$`)

/** Characters as UTF-8. */
export function utf8(regexes: Regexes): Encoding {
  return encoding(regexes, 'UTF-8', (set) => regexes.characters(set), UTF8_TEXT)
}

/** Escapes of one letter in JSON: the letter and the code point. */
const SHORT_ESCAPES: readonly (readonly [string, number])[] = [
  ['"', 0x22],
  ['\\', 0x5c],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
]
/** Characters that stand for themselves in a JSON string. */
const UNESCAPED = codePoints([
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x10ffff],
])
const WITHOUT_SHORT_ESCAPE = codePoints([
  [0, 7],
  [11, 11],
  [14, 31],
])

/**
 * Characters inside a JSON string (RFC 8259). As written: UTF-8, with the shortest escape for what must have one.
 * @param anySpelling also `\/` and `\uXXXX` for every character, as they may be read; lone surrogates are no characters
 */
export function jsonString(regexes: Regexes, anySpelling: boolean): Encoding {
  const character = (set: CodePoints) => {
    const spellings = [regexes.characters(intersection(set, UNESCAPED))]
    const has = (codePoint: number) => includesCodePoint(set, codePoint)
    for (const [letter, codePoint] of SHORT_ESCAPES)
      if (has(codePoint)) spellings.push(regexes.literal(`\\${letter}`))
    if (anySpelling && has(0x2f)) spellings.push(regexes.literal('\\/'))
    for (const range of anySpelling ? set : intersection(set, WITHOUT_SHORT_ESCAPE))
      spellings.push(...unicodeEscapes(regexes, range))
    return regexes.or(spellings)
  }
  return anySpelling
    ? encoding(regexes, 'JSON in any spelling', character, JSON_ANY_TEXT)
    : encoding(regexes, 'JSON', character, JSON_TEXT)
}

function encoding(
  regexes: Regexes,
  name: string,
  spell: (set: CodePoints) => Regex,
  texts: RegExp,
): Encoding {
  const known = new Map<CodePoints, Regex>()
  const text = regexes.once(name, () => regexes.universe(spell(ANY), texts))
  const spelt = (set: CodePoints) =>
    regexes.once(`${name} ${set}`, () => {
      const made = spell(set)
      regexes.setWithin(made, text.universe)
      return made
    })
  return {
    text,
    character: (set) => {
      let made = known.get(set)
      if (!made) {
        made = spelt(set)
        known.set(set, made)
      }
      return made
    },
  }
}

/** `\uXXXX` for each code point of a range; two of them, of surrogates, beyond the basic plane. */
function unicodeEscapes(regexes: Regexes, [first, last]: CodePointRange): readonly Regex[] {
  const made: Regex[] = []
  for (const [from, to] of codePoints([[first, Math.min(last, 0xffff)]]))
    made.push(...hexadecimal(regexes, from, to))
  const [from, to] = [Math.max(first, 0x10000) - 0x10000, last - 0x10000]
  if (from > to) return made
  for (const [high, low] of digitRanges(from, to, 2, 10)) {
    for (const a of hexadecimal(regexes, 0xd800 + high[0], 0xd800 + high[1])) {
      for (const b of hexadecimal(regexes, 0xdc00 + low[0], 0xdc00 + low[1])) made.push(regexes.join(a, b))
    }
  }
  return made
}

function hexadecimal(regexes: Regexes, from: number, to: number): readonly Regex[] {
  return digitRanges(from, to, 4, 4).map((digits) =>
    regexes.concat([regexes.literal('\\u'), ...digits.map(([a, b]) => regexes.bytes(hexDigits(a, b)))]),
  )
}

function hexDigits(from: number, to: number): ByteSet {
  const digits = '0123456789abcdef'.slice(from, to + 1)
  return ByteSet.of(Buffer.from(digits + digits.toUpperCase()))
}
