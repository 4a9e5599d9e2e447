import { bodyOf, countsOf, type RegexBuilder } from './builder.js'
import { ByteSet } from './byte-set.js'
import type { Regex } from './regex.js'

/**
 * The alternation of several languages in normal form: flat, without what another part is known to hold, with common tails and
 * common heads factored out, so that a list of words is a tree of their prefixes. ε is told by an optional whole.
 */
export function alternatives(regexes: RegexBuilder, parts: readonly Regex[]): Regex {
  if (parts.length === 1) return parts[0]
  const flat = new Set<Regex>()
  const optional = flatten(regexes, parts, flat)
  regexes.charge(flat.size)
  if (flat.has(regexes.all)) return regexes.all
  let universes = 0
  for (const part of flat) {
    if (part.kind === 'not' && flat.has(part.parts[0])) return regexes.all
    universes |= part.universe
  }
  if (universes !== 0) {
    for (const part of flat) if (part.universe === 0 && (part.within & universes) !== 0) flat.delete(part)
  }
  const body = regexes.alternation(factorHeads(regexes, mergeTails(regexes, [...flat])))
  return optional && !body.nullable ? regexes.repeat(body, 0, 1) : body
}

/** Collects alternatives; gives whether ε is one. */
function flatten(regexes: RegexBuilder, parts: readonly Regex[], flat: Set<Regex>): boolean {
  let optional = false
  for (const part of parts) {
    if (part === regexes.epsilon) optional = true
    else if (part.kind === 'or') optional = flatten(regexes, part.parts, flat) || optional
    else if (part.kind === 'repeat' && part.min === 0 && part.max === 1) {
      flatten(regexes, part.parts, flat)
      optional = true
    } else if (part !== regexes.empty) flat.add(part)
  }
  return optional
}

/** Heads before the same tail become one where they are byte sets, or repetitions of one body whose counts touch. */
function mergeTails(regexes: RegexBuilder, parts: readonly Regex[]): readonly Regex[] {
  if (parts.length < 2) return parts
  const byTail = groups(parts, (part) => regexes.tailOf(part).id)
  if (byTail.size === parts.length) return parts
  const merged = new Set<Regex>()
  for (const group of byTail.values()) {
    const tail = regexes.tailOf(group[0])
    for (const head of mergeHeads(
      regexes,
      group.map((part) => part.head),
    ))
      merged.add(regexes.join(head, tail))
  }
  return [...merged]
}

function mergeHeads(regexes: RegexBuilder, heads: readonly Regex[]): readonly Regex[] {
  if (heads.length === 1) return heads
  const merged: Regex[] = []
  let set: ByteSet | undefined
  for (const same of groups(heads, (head) => bodyOf(head).id).values()) {
    const bytes = same.length === 1 ? byteSetOf(same[0]) : undefined
    if (bytes) set = set ? set.union(bytes) : bytes
    else merged.push(...mergeCounts(regexes, same))
  }
  if (set) merged.push(regexes.bytes(set))
  return merged
}

/** X{a,b} | X{c,d} is one repetition where no count is missing between them. */
function mergeCounts(regexes: RegexBuilder, same: readonly Regex[]): readonly Regex[] {
  if (same.length === 1) return same
  const merged: Regex[] = []
  let [from, to] = [0, -1]
  const intervals = same.map(countsOf).sort((a, b) => a[0] - b[0])
  for (const [min, max] of intervals) {
    if (to >= 0 && min > to + 1) merged.push(regexes.repeat(bodyOf(same[0]), from, to))
    if (to < 0 || min > to + 1) [from, to] = [min, max]
    else to = Math.max(to, max)
  }
  merged.push(regexes.repeat(bodyOf(same[0]), from, to))
  return merged
}

/** Parts with a common head become this head and the alternation of what follows; texts are a tree of their common prefixes. */
function factorHeads(regexes: RegexBuilder, parts: readonly Regex[]): readonly Regex[] {
  if (parts.length < 2) return parts
  const byHead = groups(parts, ({ head }) => (head.kind === 'text' ? -1 - head.text.charCodeAt(0) : head.id))
  if (byHead.size === parts.length) return parts
  return [...byHead.values()].map((group) => {
    if (group.length === 1) return group[0]
    const { head } = group[0]
    if (head.kind === 'text') return prefixTree(regexes, group, 0)
    return regexes.join(
      head,
      alternatives(
        regexes,
        group.map((part) => regexes.tailOf(part)),
      ),
    )
  })
}

/** Parts whose texts are the same up to `from` and one byte on: that byte, what else they have in common, and what follows it. */
function prefixTree(regexes: RegexBuilder, parts: readonly Regex[], from: number): Regex {
  const { text } = parts[0].head
  const to = commonPrefix(
    parts.map(({ head }) => head.text),
    from,
  )
  const ended = parts.filter(({ head }) => head.text.length === to)
  const longer = groups(
    parts.filter(({ head }) => head.text.length > to),
    ({ head }) => head.text.charCodeAt(to),
  )
  const branches = [...longer.values()].map((group) =>
    group.length > 1
      ? prefixTree(regexes, group, to)
      : regexes.prepend(group[0].head.text.slice(to), regexes.tailOf(group[0])),
  )
  return regexes.prepend(
    text.slice(from, to),
    alternatives(regexes, [...ended.map((part) => regexes.tailOf(part)), ...branches]),
  )
}

/** The bytes of a node that is one byte of a set. */
export function byteSetOf(node: Regex): ByteSet | undefined {
  if (node.kind === 'text') return node.text.length === 1 ? ByteSet.of([node.text.charCodeAt(0)]) : undefined
  return node.set
}

/** The length of the common prefix of texts that begin with the same `from` bytes. */
function commonPrefix(texts: readonly string[], from: number): number {
  let length = texts[0].length
  for (const text of texts) {
    let i = from
    while (i < length && i < text.length && text[i] === texts[0][i]) i++
    length = i
  }
  return length
}

function groups<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const made = new Map<number, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = made.get(key)
    if (group) group.push(item)
    else made.set(key, [item])
  }
  return made
}
