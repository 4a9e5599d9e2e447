import type { CodePointRange } from './utf8.js'

/** A set of code points: disjoint ranges in ascending order, none next to another. Surrogates are in none. */
export type CodePoints = readonly CodePointRange[]

const LAST = 0x10ffff

/** Any code point. */
export const ANY = codePoints([[0, LAST]])
/** Ends of lines in ECMA-262. */
export const LINE_ENDS = codePoints([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
])
export const DIGITS = codePoints([[0x30, 0x39]])
export const WORD = codePoints([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
])
/** White space and ends of lines in ECMA-262: all of the category Zs, and the byte order mark. */
export const SPACES = codePoints([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])

/** The set of all code points of the ranges, in any order and overlapping; without surrogates. */
export function codePoints(ranges: readonly CodePointRange[]): CodePoints {
  const sorted = ranges
    .flatMap(([first, last]): CodePointRange[] => [
      [first, Math.min(last, 0xd7ff)],
      [Math.max(first, 0xe000), last],
    ])
    .filter(([first, last]) => first <= last)
    .sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const [first, last] of sorted) {
    const previous = merged.at(-1)
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else merged.push([first, last])
  }
  return merged
}

export function complement(set: CodePoints): CodePoints {
  const gaps: CodePointRange[] = []
  let from = 0
  for (const [first, last] of set) {
    gaps.push([from, first - 1])
    from = last + 1
  }
  return codePoints([...gaps, [from, LAST]])
}

export function intersection(a: CodePoints, b: CodePoints): CodePoints {
  const common: CodePointRange[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; a[i][1] < b[j][1] ? i++ : j++) {
    const [first, last] = [Math.max(a[i][0], b[j][0]), Math.min(a[i][1], b[j][1])]
    if (first <= last) common.push([first, last])
  }
  return common
}

export function includesCodePoint(set: CodePoints, codePoint: number): boolean {
  return set.some(([first, last]) => first <= codePoint && codePoint <= last)
}

const properties = new Map<string, CodePoints>()
let everyCharacter = ''

/**
 * The code points of a Unicode property as JavaScript's regular expressions know it, such as `L` or `Script=Greek`; undefined where they
 * know no such property.
 */
export function property(name: string): CodePoints | undefined {
  const known = properties.get(name)
  if (known) return known
  if (!/^[A-Za-z0-9_]+(=[A-Za-z0-9_]+)?$/.test(name)) return undefined
  let pattern: RegExp
  try {
    pattern = new RegExp(`\\p{${name}}+`, 'gu')
  } catch {
    return undefined
  }
  everyCharacter ||= everything()
  const ranges: CodePointRange[] = []
  for (const { index, 0: run } of everyCharacter.matchAll(pattern)) {
    const last = index + run.length - 1
    // A run may lead over the gap of the surrogates, and from the basic plane into the others.
    ranges.push([
      everyCharacter.codePointAt(index)!,
      everyCharacter.codePointAt(isLow(last) ? last - 1 : last)!,
    ])
  }
  const set = codePoints(ranges)
  properties.set(name, set)
  return set
}

function isLow(index: number): boolean {
  return everyCharacter.charCodeAt(index) >> 10 === 0xdc00 >> 10
}

/** All code points, one after the other. */
function everything(): string {
  const units = new Uint16Array(2 * LAST)
  let length = 0
  for (const [first, last] of ANY) {
    for (let codePoint = first; codePoint <= last; codePoint++) {
      if (codePoint >= 0x10000) units[length++] = 0xd7c0 + (codePoint >> 10)
      units[length++] = codePoint < 0x10000 ? codePoint : 0xdc00 + (codePoint & 0x3ff)
    }
  }
  return Buffer.from(units.buffer, 0, 2 * length).toString('utf16le')
}

let cased: string | undefined

/** The set with all that equals one of its members but for case: simple case folding of Unicode, as `iu` in JavaScript. */
export function ignoringCase(set: CodePoints): CodePoints {
  if (set.length === 0) return set
  cased ??= (property('CWCM') ?? [])
    .concat(property('CWL') ?? [], property('CWU') ?? [])
    .flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)),
    )
    .join('')
  const escaped = set.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join('')
  const equal = cased.match(new RegExp(`[${escaped}]`, 'giu')) ?? []
  return codePoints([
    ...set,
    ...equal.map((character): CodePointRange => [character.codePointAt(0)!, character.codePointAt(0)!]),
  ])
}
