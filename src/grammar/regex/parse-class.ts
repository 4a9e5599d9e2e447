import { type CodePoints, codePoints, complement, DIGITS, property, SPACES, WORD } from './code-points.js'

/** Characters that are read one after the other. */
export interface CharacterSource {
  readonly characters: readonly string[]
  at: number
  readonly next: string | undefined
  take(text: string): boolean
  fail(what: string, position?: number): never
}

/** A set of code points, of the complement of a class where `negated`; or the letter of an assertion: b, B, A, Z. */
export type Escape = 'b' | 'B' | 'A' | 'Z' | { readonly set: CodePoints; readonly negated?: boolean }

const CONTROLS: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13 }
const CLASSES: Record<string, CodePoints> = { d: DIGITS, w: WORD, s: SPACES }

/** The escape whose backslash has just been read, outside of a class. */
export function readEscape(source: CharacterSource, position: number): Escape {
  const character = source.characters[source.at++]
  if (character === undefined) return source.fail('ends in a backslash', position)
  if (character === 'b' || character === 'B' || character === 'A' || character === 'Z') return character
  if (/[1-9]/.test(character) || character === 'k')
    return source.fail('has a back-reference, which no automaton can follow', position)
  const class_ = CLASSES[character.toLowerCase()]
  if (class_)
    return character === character.toLowerCase()
      ? { set: class_ }
      : { set: complement(class_), negated: true }
  if (character === 'p' || character === 'P')
    return { set: readProperty(source, character === 'P', position) }
  const codePoint = readCodePoint(source, character, position)
  return { set: codePoints([[codePoint, codePoint]]) }
}

function readProperty(source: CharacterSource, negated: boolean, position: number): CodePoints {
  let name = ''
  if (!source.take('{')) source.fail('has a \\p without {…}', position)
  while (source.next !== undefined && source.next !== '}') name += source.characters[source.at++]
  const set = source.take('}') ? property(name) : undefined
  if (!set) return source.fail(`names a Unicode property "${name}" that does not exist`, position)
  return negated ? complement(set) : set
}

function readCodePoint(source: CharacterSource, character: string, position: number): number {
  if (character in CONTROLS) return CONTROLS[character]
  switch (character) {
    case '0':
      if (/[0-9]/.test(source.next ?? '')) source.fail('has an octal escape; write it as \\x', position)
      return 0
    case 'c': {
      const letter = source.characters[source.at++] ?? ''
      if (!/^[A-Za-z]$/.test(letter)) source.fail('has a \\c without a letter', position)
      return letter.charCodeAt(0) % 32
    }
    case 'x':
      return readHex(source, 2, position)
    case 'u':
      return readUnicode(source, position)
  }
  // A letter without a meaning here has one in other dialects: none is guessed.
  if (/[A-Za-z0-9]/.test(character)) source.fail(`has an unknown escape "\\${character}"`, position)
  return character.codePointAt(0)!
}

function readUnicode(source: CharacterSource, position: number): number {
  if (source.take('{')) {
    let digits = ''
    while (source.next !== undefined && source.next !== '}') digits += source.characters[source.at++]
    const codePoint = Number.parseInt(digits, 16)
    if (!source.take('}') || !/^[0-9a-fA-F]+$/.test(digits) || codePoint > 0x10ffff)
      source.fail('has a malformed \\u{…}', position)
    return codePoint
  }
  const high = readHex(source, 4, position)
  const { at } = source
  if (high >> 10 !== 0xd800 >> 10 || !source.take('\\u') || source.next === '{') {
    source.at = at
    return high
  }
  const low = readHex(source, 4, position)
  if (low >> 10 === 0xdc00 >> 10) return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff)
  source.at = at
  return high
}

function readHex(source: CharacterSource, digits: number, position: number): number {
  const text = source.characters.slice(source.at, source.at + digits).join('')
  if (text.length !== digits || !/^[0-9a-fA-F]+$/.test(text))
    source.fail(`has an escape without its ${digits} hexadecimal digits`, position)
  source.at += digits
  return Number.parseInt(text, 16)
}

/**
 * The class whose bracket has just been read.
 * @param fold what the flags make of its members before a negation
 */
export function readClass(
  source: CharacterSource,
  position: number,
  fold: (set: CodePoints) => CodePoints,
): CodePoints {
  const negated = source.take('^')
  const members: (readonly [number, number])[] = []
  while (!source.take(']')) {
    if (source.next === undefined) source.fail('has a "[" without its "]"', position)
    const first = readMember(source, fold)
    const dash = source.at
    if (
      source.next !== '-' ||
      source.characters[dash + 1] === ']' ||
      source.characters[dash + 1] === undefined
    ) {
      members.push(...asRanges(first))
      continue
    }
    source.at++
    const last = readMember(source, fold)
    if (typeof first === 'number' && typeof last === 'number') {
      if (last < first) source.fail('has a range whose ends are out of order', dash)
      members.push([first, last])
    } else {
      // A dash beside a class such as \w is itself.
      members.push(...asRanges(first), [0x2d, 0x2d], ...asRanges(last))
    }
  }
  const set = fold(codePoints(members))
  return negated ? complement(set) : set
}

function asRanges(member: number | CodePoints): CodePoints {
  return typeof member === 'number' ? [[member, member]] : member
}

/** One code point, or a class of them. */
function readMember(source: CharacterSource, fold: (set: CodePoints) => CodePoints): number | CodePoints {
  const position = source.at
  const character = source.characters[source.at++]
  if (character !== '\\') return character.codePointAt(0)!
  if (source.take('b')) return 8
  if (/[kABZ]/.test(source.next ?? ''))
    source.fail(`has an escape "\\${source.next}" inside of a class`, position)
  if (source.take('-')) return 0x2d
  const escaped = readEscape(source, position)
  if (typeof escaped === 'string')
    return source.fail(`has an escape "\\${escaped}" inside of a class`, position)
  if (escaped.negated) return complement(fold(complement(escaped.set)))
  const { set } = escaped
  return set.length === 1 && set[0][0] === set[0][1] ? set[0][0] : set
}
