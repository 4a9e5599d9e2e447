import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'

/**
 * A language of which the same texts up to so many bytes are beginnings: counters that such a text cannot exhaust have no limit, and
 * those that it cannot fill need no more than one byte beyond it. Texts inside of a long string thus share one language. Intersections,
 * whose parts may contradict each other far away, stay as they are.
 */
export function withinReach(regexes: Regexes, node: Regex, bytes: number): Regex {
  if (!node.plain) return node
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
    default:
      return node
  }
}
