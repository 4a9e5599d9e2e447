import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'

/** A set of places at which the same pieces end. */
interface Node {
  readonly next: Map<string, Node>
  suffix: Node | undefined
  readonly length: number
  /** Piece that ends there; none before the first one. */
  readonly last: string | undefined
}

export interface SubstringOptions {
  /** Spelling of a piece; its UTF-8 by default. */
  readonly spell?: (piece: string) => Regex
  /** Whether a text may begin and end with a piece, so that none is empty; without it, any may, and one of no pieces is there too. */
  readonly isEdge?: (piece: string) => boolean
}

/**
 * Texts of pieces that follow each other somewhere in a list: a suffix automaton (Blumer et al. 1985), which has at most two states for
 * each piece.
 */
export function substrings(
  regexes: Regexes,
  pieces: readonly string[],
  { spell = (piece) => regexes.literal(piece), isEdge }: SubstringOptions = {},
): Regex {
  const root: Node = { next: new Map(), suffix: undefined, length: 0, last: undefined }
  const nodes = [root]
  let last = root
  for (const piece of pieces) if (piece !== '') last = extend(nodes, last, piece)
  // Longer ones come first: a node leads to longer ones only.
  nodes.sort((a, b) => b.length - a.length)
  const made = new Map<Node, Regex>()
  for (const node of nodes) {
    const mayGoOn = (piece: string) => node !== root || !isEdge || isEdge(piece)
    const parts = [...node.next]
      .filter(([piece]) => mayGoOn(piece))
      .map(([piece, next]) => regexes.join(spell(piece), made.get(next)!))
    const mayEnd = !isEdge || (node.last !== undefined && isEdge(node.last))
    made.set(node, mayEnd ? regexes.repeat(regexes.or(parts), 0, 1) : regexes.or(parts))
  }
  return made.get(root)!
}

function extend(nodes: Node[], last: Node, piece: string): Node {
  const added: Node = { next: new Map(), suffix: undefined, length: last.length + 1, last: piece }
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
  const clone: Node = {
    next: new Map(target.next),
    suffix: target.suffix,
    length: node.length + 1,
    last: piece,
  }
  nodes.push(clone)
  for (; node && node.next.get(piece) === target; node = node.suffix) node.next.set(piece, clone)
  target.suffix = clone
  added.suffix = clone
  return added
}
