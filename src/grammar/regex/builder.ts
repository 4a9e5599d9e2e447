import { GrammarLimitError } from '../limits.js'
import { ByteSet } from './byte-set.js'
import { Interner, UNUSED } from './interner.js'
import { type Partition, Partitions } from './partition.js'
import type { LeafMachine, Regex } from './regex.js'
import { Universes } from './universes.js'

export interface RegexLimits {
  /** Nodes of one factory, those of derivatives included. */
  readonly nodes: number
  /** States of one automaton. */
  readonly states: number
  /** Steps between two calls of `refuel`: a compile, or one new transition. */
  readonly steps: number
  /** Steps of all that `inLimits` does: a mask, a way to an end, or the compilation of a schema. They take from half a second to two. */
  readonly boundedSteps: number
}

export const REGEX_LIMITS: RegexLimits = {
  nodes: 1_000_000,
  states: 250_000,
  steps: 500_000,
  boundedSteps: 600_000,
}

/** Bytes of a text node at most: a longer literal is a chain of them, cut from its end. */
const LONGEST_TEXT = 32

/** Nodes and what is made of one or two of them, in normal form; and the steps that making them takes. */
export class RegexBuilder {
  readonly partitions: Partitions
  private readonly interner: Interner
  private readonly universes: Universes
  /** Derivatives that were taken, by node and byte. */
  readonly derivatives = new Map<number, Regex>()
  /** Partitions of nodes of the base that it did not find out. */
  readonly basePartitions = new Map<Regex, Partition>()
  #steps = 0
  /** The count of steps at which the current operation ends. */
  #fuel = 0
  /** The count of steps at which all operations of `inLimits` end. */
  #end = Infinity

  /** ∅. */
  readonly empty: Regex
  /** ε, the empty text alone. */
  readonly epsilon: Regex
  /** Σ*, all byte strings. */
  readonly all: Regex

  /** @param base a frozen factory whose nodes are this one's too */
  constructor(
    readonly limits: RegexLimits = REGEX_LIMITS,
    readonly base?: RegexBuilder,
  ) {
    this.interner = new Interner(limits.nodes, base?.interner)
    this.partitions = new Partitions(base?.partitions)
    this.universes = new Universes(base?.universes)
    this.refuel()
    this.empty = this.interner.node({ ...UNUSED, kind: 'empty' }, -1)
    this.epsilon = this.#text('')
    this.all = this.interner.node(
      { ...UNUSED, kind: 'repeat', parts: [this.bytes(ByteSet.all)], max: Infinity },
      0,
    )
  }

  /** Nodes made so far. */
  get size(): number {
    return this.interner.count
  }

  /** Steps taken so far; a step is a derivative or a part of one, some microseconds. */
  get steps(): number {
    return this.#steps
  }

  /** Whether a node is the base's, so that nothing is to be noted at it. */
  isBase(node: Regex): boolean {
    return this.interner.isBase(node)
  }

  /** All nodes made by this factory, and not by its base. */
  get nodes(): Iterable<Regex> {
    return this.interner.own()
  }

  /** Tells a node that all its texts are in a universe; one of the base stays as it is. */
  setWithin(node: Regex, universe: number): void {
    if (!this.isBase(node)) node.within |= universe
  }

  /** Grants the steps of one more operation, within those of `inLimits`. */
  refuel(): void {
    this.#fuel = Math.min(this.#steps + this.limits.steps, this.#end)
  }

  /** Does work whose operations may take `boundedSteps` together, or what is left of those of the work around it. */
  inLimits<T>(work: () => T): T {
    const around = this.#end
    this.#end = Math.min(around, this.#steps + this.limits.boundedSteps)
    this.refuel()
    try {
      return work()
    } finally {
      this.#end = around
      this.refuel()
    }
  }

  /** @throws GrammarLimitError where the operation has taken more steps than it may */
  charge(steps: number): void {
    this.#steps += steps
    if (this.#steps > this.#fuel) {
      const { steps: each, boundedSteps } = this.limits
      const most = this.#fuel === this.#end ? boundedSteps : each
      throw new GrammarLimitError(
        `The grammar takes more than ${most} steps at one place; make it simpler, with fewer nested repetitions, counters, assertions and alternatives.`,
      )
    }
  }

  /** One byte of a set. */
  bytes(set: ByteSet): Regex {
    const { size } = set
    if (size === 0) return this.empty
    if (size === 1) return this.#text(String.fromCharCode(set.first))
    return this.interner.node({ ...UNUSED, kind: 'bytes', set }, this.universes.ofBytes(set))
  }

  /** One text: its UTF-8 where it is a string. */
  literal(text: string | Uint8Array): Regex {
    return this.prepend(Buffer.from(text as string).toString('latin1'), this.epsilon)
  }

  concat(parts: readonly Regex[]): Regex {
    let result = this.epsilon
    for (let i = parts.length - 1; i >= 0; i--) {
      let text = ''
      // A run of texts is one, so that its letters are no nodes of their own.
      for (; i >= 0 && parts[i].kind === 'text'; i--) text = parts[i].text + text
      result = this.prepend(text, result)
      if (i >= 0) result = this.join(parts[i], result)
    }
    return result
  }

  /** `head` followed by `tail`. */
  join(head: Regex, tail: Regex): Regex {
    if (head === this.empty || tail === this.empty) return this.empty
    if (head.kind === 'concat') {
      const factors: Regex[] = []
      let last = head
      for (; last.kind === 'concat'; last = last.parts[1]) factors.push(last.parts[0])
      this.charge(2 * factors.length)
      return factors.reduceRight((joined, factor) => this.join(factor, joined), this.join(last, tail))
    }
    if (tail === this.epsilon) return head
    if (head.kind === 'text') return this.prepend(head.text, tail)
    const next = tail.head
    if (bodyOf(head) === bodyOf(next) && next.kind !== 'text') {
      const [a, b] = [countsOf(head), countsOf(next)]
      return this.join(this.repeat(bodyOf(head), a[0] + b[0], a[1] + b[1]), this.tailOf(tail))
    }
    // A universe followed by what may be nothing, and is within it otherwise, is itself.
    if (tail.nullable && (head === this.all || (head.universe & tail.within) !== 0)) return head
    return this.interner.concat(head, tail)
  }

  /** A text, a byte a character, followed by `tail`. */
  prepend(text: string, tail: Regex): Regex {
    if (tail === this.empty) return this.empty
    const next = tail.head
    let bytes = text
    let result = tail
    if (text !== '' && next.kind === 'text' && next.text.length < LONGEST_TEXT) {
      bytes += next.text
      result = this.tailOf(tail)
    }
    for (let end = bytes.length; end > 0; end -= LONGEST_TEXT) {
      const node = this.#text(bytes.slice(Math.max(0, end - LONGEST_TEXT), end))
      result = result === this.epsilon ? node : this.interner.concat(node, result)
    }
    return result
  }

  /** The factors after the head; ε where the node is no concatenation. */
  tailOf(node: Regex): Regex {
    return node.kind === 'concat' ? node.parts[1] : this.epsilon
  }

  /** An alternation of parts in normal form: none is ε, ∅ or an alternation itself. */
  alternation(parts: readonly Regex[]): Regex {
    if (parts.length === 0) return this.empty
    if (parts.length === 1) return parts[0]
    const within = parts.reduce((bits, part) => bits & part.within, -1)
    return this.interner.node({ ...UNUSED, kind: 'or', parts: byId(parts) }, within)
  }

  /** An intersection of parts in normal form: none is ε, ∅, Σ* or an intersection itself. */
  intersection(parts: readonly Regex[]): Regex {
    if (parts.length === 0) return this.all
    if (parts.length === 1) return parts[0]
    const within = parts.reduce((bits, part) => bits | part.within, 0)
    return this.interner.node({ ...UNUSED, kind: 'and', parts: byId(parts) }, within)
  }

  /** The complement with respect to all byte strings, broken UTF-8 included: intersect it with what is meant. */
  not(body: Regex): Regex {
    if (body.kind === 'not') return body.parts[0]
    if (body === this.empty) return this.all
    if (body === this.all) return this.empty
    return this.interner.node({ ...UNUSED, kind: 'not', parts: [body] }, 0)
  }

  /**
   * @param max Infinity for no limit
   * @throws GrammarLimitError where nested counters ask for more than 2^53 repetitions
   */
  repeat(body: Regex, min: number, max: number): Regex {
    if (max < min) return this.empty
    if (max === 0 || body === this.epsilon) return this.epsilon
    if (body === this.empty) return min === 0 ? this.epsilon : this.empty
    const least = body.nullable ? 0 : min
    if (least === 1 && max === 1) return body
    if (body.kind === 'repeat') {
      // (X{a,b}){c,d} is X{ac,bd} where the intervals from ka to kb leave no gap from k = c on.
      const [a, b] = [body.min, body.max]
      if (max === least || (least === 0 ? a <= 1 : least * b + 1 >= (least + 1) * a)) {
        if (a * least > Number.MAX_SAFE_INTEGER) {
          throw new GrammarLimitError(
            'The counters of nested repetitions multiply to more than 2^53; lower them.',
          )
        }
        // Texts of 2^53 characters are out of reach, so that no limit is the same.
        return this.repeat(body.parts[0], a * least, b * max > Number.MAX_SAFE_INTEGER ? Infinity : b * max)
      }
    }
    if (body === this.all.parts[0] && least === 0 && max === Infinity) return this.all
    return this.interner.node({ ...UNUSED, kind: 'repeat', parts: [body], min: least, max }, body.within)
  }

  machine(machine: LeafMachine): Regex {
    return this.interner.machine(machine)
  }

  /**
   * The universe of a unit: its texts, unit*, of which every node knows whether it holds its own. Such nodes are absorbed by it in alternations and
   * absorb it in intersections.
   * @param texts matches the texts of unit*, a byte a character
   */
  universe(unit: Regex, texts: RegExp): Regex {
    const star = this.repeat(unit, 0, Infinity)
    const isNew = star.universe === 0
    this.universes.add(unit, star, texts)
    this.setWithin(this.epsilon, star.universe)
    // Nodes that were there before learn it from their parts, which are older.
    if (isNew) for (const node of byId([...this.nodes])) this.setWithin(node, this.#withinOf(node))
    return star
  }

  /** The universes that hold a node's texts, as far as its parts tell. */
  #withinOf({ kind, text, set, parts }: Regex): number {
    if (kind === 'text') return this.universes.ofText(text)
    if (kind === 'bytes') return this.universes.ofBytes(set!)
    if (kind === 'and') return parts.reduce((bits, part) => bits | part.within, 0)
    return kind === 'machine' || kind === 'not' ? 0 : parts.reduce((bits, part) => bits & part.within, -1)
  }

  #text(text: string): Regex {
    return this.interner.text(text, (made) => this.universes.ofText(made))
  }
}

function byId(parts: readonly Regex[]): readonly Regex[] {
  return [...parts].sort((a, b) => a.id - b.id)
}

/** The body that a node repeats: itself once, where it is no repetition. */
export function bodyOf(node: Regex): Regex {
  return node.kind === 'repeat' ? node.parts[0] : node
}

export function countsOf(node: Regex): readonly [number, number] {
  return node.kind === 'repeat' ? [node.min, node.max] : [1, 1]
}
