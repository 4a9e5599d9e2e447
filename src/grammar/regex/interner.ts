import { GrammarLimitError } from '../limits.js'
import { type LeafMachine, type NodeShape, Regex } from './regex.js'

/** More than there are ids: two of them make one key. */
const MOST_IDS = 2 ** 26

/** The nodes of one factory: of each shape there is one. */
export class Interner {
  #count: number
  private readonly nodes = new Map<number, Regex>()
  /** By the ids of head and tail. */
  private readonly concats = new Map<number, Regex>()
  private readonly texts = new Map<string, Regex>()
  private readonly machines = new Map<string, Regex>()

  /**
   * @param most nodes at most
   * @param base whose nodes are these ones' too; no more are added to it
   */
  constructor(
    readonly most: number,
    readonly base?: Interner,
  ) {
    this.#count = base?.count ?? 0
  }

  get count(): number {
    return this.#count
  }

  /** All nodes that are no base's. */
  *own(): Generator<Regex> {
    for (const first of this.nodes.values())
      for (let node: Regex | undefined = first; node && !this.isBase(node); node = node.sibling) yield node
    yield* this.concats.values()
    yield* this.texts.values()
    yield* this.machines.values()
  }

  /** Whether a node is the base's, which other factories share. */
  isBase(node: Regex): boolean {
    return node.id < (this.base?.count ?? 0)
  }

  /**
   * The node of a shape.
   * @param within the universes that hold its texts, for a new node
   */
  node(shape: NodeShape, within: number): Regex {
    const hash = hashOf(shape)
    // A chain of nodes with the same hash leads on into the base's.
    const first = this.nodes.get(hash) ?? this.base?.nodes.get(hash)
    for (let node = first; node; node = node.sibling) if (sameShape(node, shape)) return node
    const made = this.#make(shape, within)
    made.sibling = first
    this.nodes.set(hash, made)
    return made
  }

  /** The concatenation of two nodes, the most frequent kind, without a shape to look it up by. */
  concat(head: Regex, tail: Regex): Regex {
    const key = head.id * MOST_IDS + tail.id
    const known = this.concats.get(key) ?? this.base?.concats.get(key)
    if (known) return known
    const made = this.#make({ ...UNUSED, kind: 'concat', parts: [head, tail] }, head.within & tail.within)
    this.concats.set(key, made)
    return made
  }

  text(text: string, withinOf: (text: string) => number): Regex {
    const known = this.texts.get(text) ?? this.base?.texts.get(text)
    if (known) return known
    const made = this.#make({ ...UNUSED, kind: 'text', text }, withinOf(text))
    this.texts.set(text, made)
    return made
  }

  machine(machine: LeafMachine): Regex {
    const known = this.machines.get(machine.key) ?? this.base?.machines.get(machine.key)
    if (known) return known
    const made = this.#make({ ...UNUSED, kind: 'machine', machine }, machine.isText ? -1 : 0)
    this.machines.set(machine.key, made)
    return made
  }

  #make(shape: NodeShape, within: number): Regex {
    if (this.#count >= this.most) {
      throw new GrammarLimitError(
        `The grammar's regular expressions take more than ${this.most} nodes; make them simpler or their counters smaller.`,
      )
    }
    return new Regex(this.#count++, shape, within)
  }
}

/** A shape's fields where its kind does not need them. */
export const UNUSED = { parts: [], min: 0, max: 0, text: '' } as const

function hashOf({ kind, parts, min, max, set }: NodeShape): number {
  let hash = kind.charCodeAt(0)
  for (const part of parts) hash = mixed(hash, part.id)
  if (kind === 'repeat') hash = mixed(mixed(hash, min % 2 ** 31), max === Infinity ? -1 : max % 2 ** 31)
  if (set) for (const word of set.words) hash = mixed(hash, word)
  return hash
}

function mixed(hash: number, value: number): number {
  return (Math.imul(hash ^ value, 0x9e3779b1) ^ (hash >>> 15)) | 0
}

function sameShape(a: NodeShape, b: NodeShape): boolean {
  if (a.kind !== b.kind || a.min !== b.min || a.max !== b.max || a.parts.length !== b.parts.length)
    return false
  for (let i = 0; i < a.parts.length; i++) if (a.parts[i] !== b.parts[i]) return false
  return a.set === b.set || (a.set!.includes(b.set!) && b.set!.includes(a.set!))
}
