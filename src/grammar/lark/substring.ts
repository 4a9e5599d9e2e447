import type { Regexes } from '../regex/nodes.js'
import type { Regex } from '../regex/regex.js'

/** A set of places at which the same pieces end. */
interface Node {
  readonly next: Map<string, Node>
  suffix: Node | undefined
  readonly length: number
}

/**
 * Texts of pieces that follow each other somewhere in a list, none included: a suffix automaton (Blumer et al. 1985), which has at most
 * two states for each piece.
 */
export function substrings(regexes: Regexes, pieces: readonly string[]): Regex {
  const root: Node = { next: new Map(), suffix: undefined, length: 0 }
  const nodes = [root]
  let last = root
  for (const piece of pieces) if (piece !== '') last = extend(nodes, last, piece)
  // Longer ones come first: a node leads to longer ones only.
  nodes.sort((a, b) => b.length - a.length)
  const made = new Map<Node, Regex>()
  for (const node of nodes) {
    const parts = [...node.next].map(([piece, next]) => regexes.join(regexes.literal(piece), made.get(next)!))
    made.set(node, regexes.repeat(regexes.or(parts), 0, 1))
  }
  return made.get(root)!
}

function extend(nodes: Node[], last: Node, piece: string): Node {
  const added: Node = { next: new Map(), suffix: undefined, length: last.length + 1 }
  nodes.push(added)
  let node: Node | undefined = last
  for (; node && !node.next.has(piece); node = node.suffix) node.next.set(piece, added)
  if (!node) {
    added.suffix = nodes[0]
    return added
  }
  const target = node.next.get(piece)!
  if (target.length === node.length + 1) {
    added.suffix = target
    return added
  }
  const clone: Node = { next: new Map(target.next), suffix: target.suffix, length: node.length + 1 }
  nodes.push(clone)
  for (; node && node.next.get(piece) === target; node = node.suffix) node.next.set(piece, clone)
  target.suffix = clone
  added.suffix = clone
  return added
}
