import type { ByteSet } from './byte-set.js'
import type { Partition } from './partition.js'

/** State of a fixed language, asked as the automaton of a language is; machines of such states are the same object in all factories. */
export interface FixedState {
  /** Steps that its language has taken so far, as of a factory. */
  readonly steps: number
  withinReach(bytes: number): LeafMachine
  /** One of its shortest texts. */
  completion(): Uint8Array
  freeText(): number
  freeTextIsAll(): boolean
}

/** A deterministic automaton of its own as a leaf of a regex. Its states are values; equal keys mean equal languages. */
export interface LeafMachine {
  readonly key: string
  /** The machine after a byte; undefined where nothing is accepted any more. */
  next(byte: number): LeafMachine | undefined
  readonly accepts: boolean
  /** The bytes that it tells apart; all others are alike. Without it, all are apart. */
  readonly distinct?: Uint8Array
  /** Instead of `distinct`: bytes with the same label are alike, [256]. */
  readonly labels?: Uint8Array
  /** Bytes of the shortest text that it accepts, finite. Without it, it is searched. */
  readonly shortest?: number
  /** Bounds as of a regex's `longest` and `farthest`; without them, none are known. */
  readonly longest?: number
  readonly farthest?: number
  /** The language of which it is a state, and which tells more of it. */
  readonly fixed?: FixedState
  /** Whether all its texts are whole characters, in UTF-8 and as a JSON string spells them. */
  readonly isText?: boolean
}

export type RegexKind = 'empty' | 'text' | 'bytes' | 'concat' | 'or' | 'and' | 'not' | 'repeat' | 'machine'

/** The parts of a node; those that its kind does not need are empty. */
export interface NodeShape {
  readonly kind: RegexKind
  /** concat: head and tail, the head is no concat · or, and: by ascending id · not, repeat: the body. */
  readonly parts: readonly Regex[]
  /** repeat: how often, `max` may be Infinity. */
  readonly min: number
  readonly max: number
  /** text: its bytes, a character each; '' is ε. */
  readonly text: string
  readonly set?: ByteSet
  readonly machine?: LeafMachine
}

/** A node of a regular expression over bytes. Hash-consed by `Regexes`: nodes of the same shape are one object. */
export class Regex implements NodeShape {
  readonly kind: RegexKind
  readonly parts: readonly Regex[]
  readonly min: number
  readonly max: number
  readonly text: string
  readonly set?: ByteSet
  readonly machine?: LeafMachine
  /** Whether ε is in the language. */
  readonly nullable: boolean
  /** Whether the structure tells that the language is not empty, and `shortest` is exact: no &, ~ or unknown machine is inside. */
  readonly plain: boolean
  /** Bytes of the shortest text; an estimate where the node is not `plain`. */
  readonly shortest: number
  /** An upper bound of the bytes of the longest text. */
  readonly longest: number
  /** An upper bound of the bytes of the shortest end, wherever in a text of the language one is. */
  readonly farthest: number
  /** The universes that hold all texts of the language, a bit each. */
  within: number
  /** The bit of the universe that this is the star of, or 0. */
  universe = 0
  /** Bytes of a shortest text; Infinity where there is none, NaN while unknown. */
  distance: number
  /** The first byte of a shortest text and what follows it, where a search has found it. */
  step: { readonly byte: number; readonly target: Regex } | undefined
  partition: Partition | undefined
  /** Another node of the same hash. */
  sibling: Regex | undefined

  constructor(
    readonly id: number,
    shape: NodeShape,
    within: number,
  ) {
    this.kind = shape.kind
    this.parts = shape.parts
    this.min = shape.min
    this.max = shape.max
    this.text = shape.text
    this.set = shape.set
    this.machine = shape.machine
    this.nullable = isNullable(shape)
    this.plain = isPlain(shape)
    this.shortest = shortestOf(shape, this.nullable)
    this.longest = longestOf(shape)
    this.farthest = Math.min(farthestOf(shape), this.longest)
    this.distance = this.nullable ? 0 : this.plain ? this.shortest : Number.NaN
    this.within = within
    this.step = undefined
    this.partition = undefined
    this.sibling = undefined
  }

  /** The first factor of a concatenation; the node itself where it is none. */
  get head(): Regex {
    return this.kind === 'concat' ? this.parts[0] : this
  }
}

function isPlain({ kind, parts, machine }: NodeShape): boolean {
  if (kind === 'empty' || kind === 'and' || kind === 'not') return false
  return kind === 'machine' ? machine!.shortest !== undefined : parts.every((part) => part.plain)
}

function isNullable({ kind, parts, min, text, machine }: NodeShape): boolean {
  switch (kind) {
    case 'empty':
    case 'bytes':
      return false
    case 'text':
      return text === ''
    case 'concat':
    case 'and':
      return parts.every((part) => part.nullable)
    case 'or':
      return parts.some((part) => part.nullable)
    case 'not':
      return !parts[0].nullable
    case 'repeat':
      return min === 0 || parts[0].nullable
    case 'machine':
      return machine!.accepts
  }
}

function shortestOf({ kind, parts, min, text, machine }: NodeShape, nullable: boolean): number {
  if (nullable) return 0
  switch (kind) {
    case 'empty':
      return Infinity
    case 'text':
      return text.length
    case 'concat':
      return parts[0].shortest + parts[1].shortest
    case 'or':
      return parts.reduce((least, part) => Math.min(least, part.shortest), Infinity)
    case 'and':
      return parts.reduce((sum, part) => sum + part.shortest, 0)
    case 'repeat':
      return min * parts[0].shortest
    case 'machine':
      return machine!.shortest ?? 1
    default:
      return 1
  }
}

function longestOf({ kind, parts, max, text, machine }: NodeShape): number {
  switch (kind) {
    case 'empty':
      return 0
    case 'text':
      return text.length
    case 'bytes':
      return 1
    case 'concat':
      return parts[0].longest + parts[1].longest
    case 'or':
      return parts.reduce((most, part) => Math.max(most, part.longest), 0)
    case 'and':
      return parts.reduce((least, part) => Math.min(least, part.longest), Infinity)
    case 'repeat':
      return max * parts[0].longest
    case 'machine':
      return machine!.longest ?? Infinity
    default:
      return Infinity
  }
}

function farthestOf({ kind, parts, min, text, machine }: NodeShape): number {
  switch (kind) {
    case 'text':
      return text.length
    case 'bytes':
      return 1
    case 'concat':
      return Math.max(parts[0].farthest + leastOf(parts[1]), parts[1].farthest)
    case 'or':
      return parts.reduce((most, part) => Math.max(most, part.farthest), 0)
    case 'repeat':
      return parts[0].farthest + (min > 1 ? (min - 1) * leastOf(parts[0]) : 0)
    case 'machine':
      return machine!.farthest ?? Infinity
    default:
      return Infinity
  }
}

/** The bytes of the shortest text, where they are known without a search. */
function leastOf({ plain, shortest, longest }: Regex): number {
  return plain ? shortest : longest
}
