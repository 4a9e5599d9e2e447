import { DEAD } from '../automaton.js'
import { bodyOf, countsOf } from './builder.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'
import type { CodePointRange } from './utf8.js'

/** States that are regexes. */
interface RegexStates {
  next(state: number, byte: number): number
  regexOf(state: number): Regex
}

/** Characters of free text: no controls, quotation mark, backslash. */
export const FREE_CHARACTERS: readonly CodePointRange[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x7e],
  [0xa0, 0x10ffff],
]

/** Some free characters: where one of them may not follow, nothing else needs to be asked. */
const PROBES = Buffer.from(' aZ0~')
/** Characters that the walk looks ahead. */
const FURTHEST = 32
/** States that it visits at most. */
const MOST_VISITED = 2_000

/**
 * Characters of free text after which something is still accepted, whatever they are: a lower bound. Counters and stars tell by their
 * structure; what else there is, is walked for some characters.
 */
export function freeTextOf(automaton: RegexStates, regexes: Regexes, state: number): number {
  if (state === DEAD || PROBES.some((byte) => automaton.next(state, byte) === DEAD)) return 0
  const known = structural(regexes, automaton.regexOf(state))
  return known > 0 ? known : walk(automaton, regexes, state)
}

function structural(regexes: Regexes, node: Regex): number {
  switch (node.kind) {
    case 'bytes':
    case 'or':
      if (coversCharacters(regexes, node)) return 1
      return node.parts.reduce((most, part) => Math.max(most, structural(regexes, part)), 0)
    case 'repeat':
      return coversCharacters(regexes, node.parts[0]) ? node.max : structural(regexes, node.parts[0])
    case 'concat':
      return concatenation(regexes, node)
    case 'and':
      return intersection(regexes, node)
    case 'not':
      return withoutFinite(Infinity, node.parts[0])
    case 'machine':
      return node.machine!.fixed?.freeText() ?? 0
    default:
      return 0
  }
}

/**
 * Whether no more free text than `freeTextOf` may follow: single characters are counted, and what comes after them begins with none. False
 * where the structure does not tell.
 */
export function freeTextIsAll(regexes: Regexes, node: Regex): boolean {
  if (node.kind !== 'concat') return false
  const [head, tail] = node.parts
  const body = bodyOf(head)
  const isKnown = head.kind === 'machine' && head.machine!.fixed?.freeTextIsAll()
  if (!isKnown && !coversCharacters(regexes, body)) return false
  const free = regexes.characters(FREE_CHARACTERS)
  const begins = (language: Regex, beginning: Regex) =>
    !regexes.isEmpty(regexes.and([language, regexes.join(beginning, regexes.all)]))
  return (isKnown || !begins(body, regexes.join(free, free))) && !begins(tail, free)
}

/** Leading factors that take any characters add up; the first that does not says how far it goes on. */
function concatenation(regexes: Regexes, node: Regex): number {
  if (regexes.isEmpty(node)) return 0
  let taken = 0
  let most = 0
  let rest = node
  for (; rest.kind === 'concat'; rest = rest.parts[1]) {
    const [head] = rest.parts
    most = Math.max(most, taken + structural(regexes, head))
    if (coversCharacters(regexes, bodyOf(head))) taken += countsOf(head)[1]
    else if (!head.nullable) return most
  }
  return Math.max(most, taken + structural(regexes, rest))
}

/**
 * Exclusions of finite languages take nothing but the last characters of what is counted: longer texts remain. Other intersections are not
 * told by their parts.
 */
function intersection(regexes: Regexes, node: Regex): number {
  const kept = node.parts.filter((part) => part.kind !== 'not')
  if (kept.length !== 1) return 0
  return node.parts.reduce(
    (free, part) => (part.kind === 'not' ? withoutFinite(free, part.parts[0]) : free),
    structural(regexes, kept[0]),
  )
}

function withoutFinite(free: number, excluded: Regex): number {
  return excluded.longest === Infinity ? 0 : Math.max(0, free - excluded.longest - 1)
}

/** Whether each free character is a text of the language. */
function coversCharacters(regexes: Regexes, node: Regex): boolean {
  // Free characters have from one to four bytes.
  if (node.longest < 4 || (node.plain && node.shortest > 1)) return false
  const free = regexes.characters(FREE_CHARACTERS)
  return (
    node === free ||
    regexes.or([node, free]) === node ||
    regexes.isEmpty(regexes.and([free, regexes.not(node)]))
  )
}

/** A walk over all texts of free characters, level by level, until one is dead, no state is new, or it has gone far enough. */
function walk(automaton: RegexStates, regexes: Regexes, state: number): number {
  let level = [state]
  const seen = new Set(level)
  for (let length = 0; length < FURTHEST; length++) {
    const following = new Set<number>()
    for (const from of level) if (!followed(automaton, regexes, from, following)) return length
    level = [...following].filter((to) => !seen.has(to))
    if (level.length === 0) return Infinity
    for (const to of level) seen.add(to)
    if (seen.size > MOST_VISITED) return length
  }
  return FURTHEST
}

/** Adds the states after each free character; false where one of them, or a state on the way, is dead. */
function followed(automaton: RegexStates, regexes: Regexes, from: number, into: Set<number>): boolean {
  let open: (readonly [number, Regex])[] = [[from, regexes.characters(FREE_CHARACTERS)]]
  const seen = new Set<string>()
  while (open.length > 0) {
    const further: (readonly [number, Regex])[] = []
    for (const [state, rest] of open) {
      const both = regexes.partitions.product(
        regexes.partition(automaton.regexOf(state)),
        regexes.partition(rest),
      )
      for (const byte of both.representatives) {
        const left = regexes.derivative(rest, byte)
        if (left === regexes.empty) continue
        const to = automaton.next(state, byte)
        if (to === DEAD) return false
        if (left === regexes.epsilon) into.add(to)
        else if (!seen.has(`${to} ${left.id}`)) {
          seen.add(`${to} ${left.id}`)
          further.push([to, left])
        }
      }
    }
    open = further
  }
  return true
}
