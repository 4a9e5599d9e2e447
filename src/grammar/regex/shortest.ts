import { GrammarLimitError } from '../limits.js'
import type { RegexBuilder } from './builder.js'
import { derivativeOf } from './derivative.js'
import { mostReadable } from './partition.js'
import { partitionOf } from './partition-of.js'
import type { Regex } from './regex.js'

/** Bytes of a completion at most. */
const LONGEST_COMPLETION = 4_000_000

/**
 * The length of the shortest text in bytes, Infinity where the language is empty. It follows from the structure but for &, ~ and machines,
 * which are searched.
 * @throws GrammarLimitError where the search takes too many steps
 */
export function distanceOf(regexes: RegexBuilder, node: Regex): number {
  if (!Number.isNaN(node.distance)) return node.distance
  node.distance = measure(regexes, node)
  return node.distance
}

function measure(regexes: RegexBuilder, node: Regex): number {
  switch (node.kind) {
    case 'concat': {
      let length = 0
      let rest = node
      for (; rest.kind === 'concat'; rest = rest.parts[1]) length += distanceOf(regexes, rest.parts[0])
      return length + distanceOf(regexes, rest)
    }
    case 'or':
      return node.parts.reduce((least, part) => Math.min(least, distanceOf(regexes, part)), Infinity)
    case 'repeat':
      return node.min * distanceOf(regexes, node.parts[0])
    default:
      return search(regexes, node)
  }
}

interface Visit {
  readonly node: Regex
  /** Bytes from the start. */
  readonly length: number
  readonly from: Visit | undefined
  readonly byte: number
}

/**
 * A* over derivatives: nodes in the order of the bytes so far and an estimate of those missing, the latest first among equals. The
 * nodes of the path learn their distance and next step; where the search runs dry, all it saw are empty. Of intersections the estimate
 * adds up the parts, which leads straight to a text where there are many to satisfy: it is short, and mostly the shortest.
 */
function search(regexes: RegexBuilder, start: Regex): number {
  const waiting = new Queue()
  const best = new Map<Regex, number>([[start, 0]])
  waiting.push({ node: start, length: 0, from: undefined, byte: 0 }, start.shortest)
  for (let visit = waiting.pop(); visit; visit = waiting.pop()) {
    const { node, length } = visit
    if (length > best.get(node)!) continue
    if (!Number.isNaN(node.distance)) return remember(visit)
    const { representatives } = partitionOf(regexes, node)
    for (let i = representatives.length - 1; i >= 0; i--) {
      regexes.charge(1)
      const byte = representatives[i]
      const after = derivativeOf(regexes, node, byte)
      if (after.distance === Infinity || length + 1 >= (best.get(after) ?? Infinity)) continue
      best.set(after, length + 1)
      const missing = Number.isNaN(after.distance) ? after.shortest : after.distance
      waiting.push({ node: after, length: length + 1, from: visit, byte }, length + 1 + missing)
    }
  }
  for (const node of best.keys()) node.distance = Infinity
  return Infinity
}

/** Visits by their total, the least first, the latest of equals first. */
class Queue {
  readonly #buckets = new Map<number, Visit[]>()
  #least = Infinity

  push(visit: Visit, total: number): void {
    const bucket = this.#buckets.get(total)
    if (bucket) bucket.push(visit)
    else this.#buckets.set(total, [visit])
    if (total < this.#least) this.#least = total
  }

  pop(): Visit | undefined {
    const bucket = this.#buckets.get(this.#least)
    const visit = bucket?.pop()
    if (bucket?.length === 0) {
      this.#buckets.delete(this.#least)
      this.#least = [...this.#buckets.keys()].reduce((least, total) => Math.min(least, total), Infinity)
    }
    return visit
  }
}

/** Tells the nodes of a path, but for those whose structure tells it, what the search found; gives the distance of its start. */
function remember(end: Visit): number {
  let { distance } = end.node
  for (let visit = end; visit.from; visit = visit.from) {
    distance++
    const { node } = visit.from
    if (node.plain) continue
    if (distance <= node.distance || Number.isNaN(node.distance)) {
      node.distance = distance
      node.step = { byte: visit.byte, target: visit.node }
    }
  }
  return distance
}

/**
 * The bytes of one of the shortest texts, of readable characters where there is a choice.
 * @throws GrammarLimitError where it has more than four million bytes, or no text
 */
export function shortestText(regexes: RegexBuilder, node: Regex): Uint8Array {
  const length = distanceOf(regexes, node)
  if (!(length <= LONGEST_COMPLETION))
    throw new GrammarLimitError(
      `The shortest text that ends the grammar from here has ${length} bytes, more than ${LONGEST_COMPLETION}; lower its counters.`,
    )
  const bytes: number[] = []
  emit(regexes, node, bytes)
  return Uint8Array.from(bytes)
}

/** One byte of a shortest text of a machine; gives what follows it. */
function nextOfMachine(regexes: RegexBuilder, node: Regex): { byte: number; target: Regex } {
  for (const byte of partitionOf(regexes, node).representatives) {
    const target = derivativeOf(regexes, node, byte)
    if (target.distance === node.distance - 1) return { byte, target }
  }
  throw new RangeError(
    `The machine ${node.machine!.key} does not accept after ${node.distance} bytes, as it says.`,
  )
}

function emit(regexes: RegexBuilder, start: Regex, into: number[]): void {
  let node = start
  while (!node.nullable) {
    // A node of any kind may lie on a path that was searched, but its structure tells a shortest text as well.
    switch (node.kind) {
      case 'text':
        for (let i = 0; i < node.text.length; i++) into.push(node.text.charCodeAt(i))
        return
      case 'bytes':
        into.push(mostReadable(node.set!))
        return
      case 'concat':
        emit(regexes, node.parts[0], into)
        node = node.parts[1]
        break
      case 'or': {
        const least = distanceOf(regexes, node)
        node = node.parts.find((part) => distanceOf(regexes, part) === least)!
        break
      }
      case 'repeat':
        for (let i = 1; i < node.min; i++) emit(regexes, node.parts[0], into)
        node = node.parts[0]
        break
      default: {
        if (node.machine?.fixed) {
          into.push(...node.machine.fixed.completion())
          return
        }
        distanceOf(regexes, node)
        const { byte, target } = node.plain ? nextOfMachine(regexes, node) : node.step!
        into.push(byte)
        node = target
      }
    }
  }
}
