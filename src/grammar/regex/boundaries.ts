import { type CodePoints, codePoints, complement, intersection } from './code-points.js'
import type { Regexes } from './nodes.js'
import { ANYTHING, type Boundary, type CharacterRegex, lookAround, setOf } from './syntax.js'

/** The characters that may stand beside a place: some of words, or others; an edge of the text is as one of the others. */
interface Neighbours {
  readonly word: boolean
  readonly other: boolean
}

/**
 * The word boundaries of a sequence as looks to one side, where the characters of the other side are known; as two alternatives where
 * neither are. Of looks at one place, those behind come first.
 * @param atStart whether the sequence begins where the text does; otherwise anything may precede it. `atEnd` likewise
 */
export function decideBoundaries(
  regexes: Regexes,
  items: readonly CharacterRegex[],
  atStart: boolean,
  atEnd: boolean,
): readonly (readonly CharacterRegex[])[] {
  const index = items.findIndex((item) => item.kind === 'boundary')
  if (index < 0) return [behindFirst(items)]
  const boundary = items[index] as Boundary
  const before = neighbours(regexes, items, index, -1, boundary.word, atStart)
  const after = neighbours(regexes, items, index, 1, boundary.word, atEnd)
  return looksFor(boundary, before, after).flatMap((looks) =>
    decideBoundaries(
      regexes,
      [...items.slice(0, index), ...looks, ...items.slice(index + 1)],
      atStart,
      atEnd,
    ),
  )
}

/** The looks that stand for a boundary: alternatives of what must hold together. */
function looksFor(
  boundary: Boundary,
  before: Neighbours,
  after: Neighbours,
): readonly (readonly CharacterRegex[])[] {
  const { negated, word, place } = boundary
  const beside = (behind: boolean, isWord: boolean) => lookAround(behind, !isWord, setOf(word), place)
  const alternatives: CharacterRegex[][] = []
  for (const isWord of [true, false]) {
    if (!(isWord ? before.word : before.other)) continue
    const wordAfter = isWord === negated
    if (!(wordAfter ? after.word : after.other)) continue
    const looks: CharacterRegex[] = []
    if (before.word && before.other) looks.push(beside(true, isWord))
    if (after.word && after.other) looks.push(beside(false, wordAfter))
    alternatives.push(looks)
  }
  return alternatives
}

function neighbours(
  regexes: Regexes,
  items: readonly CharacterRegex[],
  index: number,
  step: 1 | -1,
  word: CodePoints,
  atEdge: boolean,
): Neighbours {
  let found = { word: false, other: false }
  for (let i = index + step; i >= 0 && i < items.length; i += step) {
    const item = items[i]
    regexes.charge(5)
    if (item.kind === 'look' && item.negated && item.body === ANYTHING && item.behind === step < 0)
      return { ...found, other: true }
    const side = outermost(item, step)
    found = {
      word: found.word || intersection(side.set, word).length > 0,
      other: found.other || intersection(side.set, complement(word)).length > 0,
    }
    if (!side.optional) return found
  }
  return atEdge ? { ...found, other: true } : { word: true, other: true }
}

/** The first (`step` 1) or last characters of what an expression matches, and whether it matches the empty text. */
function outermost(
  regex: CharacterRegex,
  step: 1 | -1,
): { readonly set: CodePoints; readonly optional: boolean } {
  switch (regex.kind) {
    case 'set':
      return { set: regex.set, optional: false }
    case 'repeat': {
      const { set, optional } = outermost(regex.body, step)
      return regex.max === 0 ? { set: [], optional: true } : { set, optional: optional || regex.min === 0 }
    }
    case 'choice': {
      const sides = regex.parts.map((part) => outermost(part, step))
      return {
        set: codePoints(sides.flatMap(({ set }) => set)),
        optional: sides.some(({ optional }) => optional),
      }
    }
    case 'sequence': {
      const parts = step > 0 ? regex.parts : regex.parts.toReversed()
      const sets: CodePoints[] = []
      for (const part of parts) {
        const { set, optional } = outermost(part, step)
        sets.push(set)
        if (!optional) return { set: codePoints(sets.flat()), optional: false }
      }
      return { set: codePoints(sets.flat()), optional: true }
    }
    default:
      return { set: [], optional: true }
  }
}

function behindFirst(items: readonly CharacterRegex[]): readonly CharacterRegex[] {
  const ordered: CharacterRegex[] = []
  let aheads: CharacterRegex[] = []
  for (const item of items) {
    if (item.kind === 'look' && !item.behind) aheads.push(item)
    else {
      if (item.kind !== 'look') {
        ordered.push(...aheads)
        aheads = []
      }
      ordered.push(item)
    }
  }
  return [...ordered, ...aheads]
}
