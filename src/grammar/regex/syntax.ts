import { excerpt, UserError } from '../../errors.js'
import { ANY, type CodePoints, complement, LINE_ENDS } from './code-points.js'

/** Nesting of groups at most. */
export const DEEPEST_NESTING = 500
/** Characters of one regular expression at most. */
export const LONGEST_REGEX = 200_000
/** Word boundaries of one regular expression at most: each looks at what stands beside it. */
export const MOST_BOUNDARIES = 100
/** The largest count of a repetition. */
export const LARGEST_COUNT = 2 ** 31

/** Assertions that a node holds, bits. */
export const LOOKS_AHEAD = 1
export const LOOKS_BEHIND = 2

/** A regular expression over code points. `looks` tells which assertions are inside. */
export type CharacterRegex =
  | { readonly kind: 'set'; readonly set: CodePoints; readonly looks: 0 }
  | {
      readonly kind: 'sequence' | 'choice'
      readonly parts: readonly CharacterRegex[]
      readonly looks: number
    }
  | Repeat
  | Look
  | Boundary

export interface Repeat {
  readonly kind: 'repeat'
  readonly body: CharacterRegex
  readonly min: number
  readonly max: number
  readonly looks: number
  readonly place: RegexPlace
}

/** Text that must, or must not, follow or precede. */
export interface Look {
  readonly kind: 'look'
  readonly behind: boolean
  readonly negated: boolean
  readonly body: CharacterRegex
  readonly looks: number
  readonly place: RegexPlace
}

/** A place between a character of words and one that is none, or an edge of the text. */
export interface Boundary {
  readonly kind: 'boundary'
  readonly negated: boolean
  readonly word: CodePoints
  readonly looks: number
  readonly place: RegexPlace
}

/** The source and the place in it, in characters from 0 on. */
export interface RegexPlace {
  readonly source: string
  readonly position: number
}

/** Thrown for a regular expression that is malformed or asks for what is not supported; wrong usage. */
export class RegexError extends UserError {
  constructor({ source, position }: RegexPlace, what: string) {
    super(
      `The regular expression ${excerpt(JSON.stringify(source), 120)} ${what}, at character ${position + 1}.`,
      2,
    )
  }
}

export function setOf(set: CodePoints): CharacterRegex {
  return { kind: 'set', set, looks: 0 }
}

export const ANYTHING = setOf(ANY)
const IN_LINE = setOf(complement(LINE_ENDS))

export function sequence(parts: readonly CharacterRegex[]): CharacterRegex {
  return parts.length === 1 ? parts[0] : { kind: 'sequence', parts, looks: looksOf(parts) }
}

export function choice(parts: readonly CharacterRegex[]): CharacterRegex {
  return parts.length === 1 ? parts[0] : { kind: 'choice', parts, looks: looksOf(parts) }
}

export function repeated(body: CharacterRegex, min: number, max: number, place: RegexPlace): CharacterRegex {
  return max === 0 ? sequence([]) : { kind: 'repeat', body, min, max, looks: body.looks, place }
}

export function lookAround(behind: boolean, negated: boolean, body: CharacterRegex, place: RegexPlace): Look {
  return { kind: 'look', behind, negated, body, looks: behind ? LOOKS_BEHIND : LOOKS_AHEAD, place }
}

export function boundary(negated: boolean, word: CodePoints, place: RegexPlace): Boundary {
  return { kind: 'boundary', negated, word, looks: LOOKS_AHEAD | LOOKS_BEHIND, place }
}

/** The begin (`behind`) or end of the text, or of a line: no character precedes or follows, or none of the line. */
export function edge(behind: boolean, ofLine: boolean, place: RegexPlace): Look {
  return lookAround(behind, true, ofLine ? IN_LINE : ANYTHING, place)
}

/** Whether the only assertions are edges of the text where a match begins or ends, so that they can be decided. */
export function isEdged(regex: CharacterRegex): boolean {
  if (regex.looks === 0) return true
  if (regex.kind === 'choice') return regex.parts.every(isEdged)
  const parts = regex.kind === 'sequence' ? regex.parts : [regex]
  return parts.every(
    (part, i) =>
      part.looks === 0 ||
      (part.kind === 'look' &&
        part.negated &&
        part.body === ANYTHING &&
        i === (part.behind ? 0 : parts.length - 1)),
  )
}

function looksOf(parts: readonly CharacterRegex[]): number {
  return parts.reduce((bits, part) => bits | part.looks, 0)
}
