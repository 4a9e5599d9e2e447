import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'

/**
 * A language of which the same texts up to so many bytes are beginnings: counters that such a text cannot exhaust have no limit, and
 * those that it cannot fill need no more than one byte beyond it. Texts inside of a long string thus share one language. Intersections,
 * whose parts may contradict each other far away, stay as they are, unless it is a limit that the others end before.
 */
export function withinReach(regexes: Regexes, node: Regex, bytes: number): Regex {
  if (node.kind === 'and') return withinIntersection(regexes, node, bytes)
  if (!node.plain) return node.kind === 'concat' ? withinFirst(regexes, node, bytes) : node
  switch (node.kind) {
    case 'repeat': {
      const max = node.max > bytes ? Infinity : node.max
      return regexes.repeat(node.parts[0], Math.min(node.min, bytes + 1), max)
    }
    case 'or':
      return regexes.or(node.parts.map((part) => withinReach(regexes, part, bytes)))
    case 'concat': {
      // Factors that the next byte cannot belong to do not count down.
      const heads: Regex[] = []
      let rest = node
      for (; rest.kind === 'concat'; rest = rest.parts[1]) {
        heads.push(withinReach(regexes, rest.parts[0], bytes))
        if (!rest.parts[0].nullable) return regexes.concat([...heads, rest.parts[1]])
      }
      return regexes.concat([...heads, withinReach(regexes, rest, bytes)])
    }
    case 'machine':
      return node.machine!.fixed ? regexes.machine(node.machine!.fixed.withinReach(bytes)) : node
    default:
      return node
  }
}

/** A limit on characters does not count where the other parts can end, after any such text, before it is reached. */
function withinIntersection(regexes: Regexes, node: Regex, bytes: number): Regex {
  const [other, ...others] = node.parts.filter((part) => part.kind !== 'repeat' || part.min > 0)
  if (!other || others.length > 0) return node
  const isFar = node.parts.every((part) => {
    if (part === other) return true
    const all = regexes.repeat(part.parts[0], 0, Infinity)
    return (all.universe & other.within) !== 0 && part.max >= bytes + other.farthest
  })
  return isFar ? withinReach(regexes, other, bytes) : node
}

function withinFirst(regexes: Regexes, node: Regex, bytes: number): Regex {
  const [head, tail] = node.parts
  return head.kind === 'and' ? regexes.join(withinReach(regexes, head, bytes), tail) : node
}
