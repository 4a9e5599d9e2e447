import type { Pass } from '../model/model.js'
import type { ExportedCache } from './cache.js'
import type { ExportedGraph } from './graph.js'
import type { Place } from './past.js'

/** Tokens of a path in one run, which bounds the memory of activations and scores. */
const CHUNK = 128
/** Places of a run: those that fill rows up as well. */
const MOST_PLACES = 512

/** The node of a token that is only run again. */
export const AGAIN = -1

/** A path of a pass: from a token in the cache, or from the start, to a leaf. */
export class Path {
  /** Tokens that were run. */
  done = 0

  /**
   * @param pass which one it is of
   * @param nodes by token, its number in the pass, or AGAIN
   * @param place where the tokens before it are
   * @param length how many they are
   */
  constructor(
    readonly pass: number,
    readonly tokens: readonly number[],
    readonly nodes: readonly number[],
    public place: Place | undefined,
    public length: number,
  ) {}

  get left(): number {
    return this.tokens.length - this.done
  }

  /** Offsets, among the next `count` tokens, of nodes that are asked for. */
  wanted(count: number, asked: ReadonlySet<number>): number[] {
    return [...Array(count).keys()].filter((offset) => asked.has(this.nodes[this.done + offset]))
  }

  advance(count: number, place: Place): void {
    this.done += count
    this.length += count
    this.place = place
  }
}

/** The paths of a pass's tree: one for each leaf. @param canCut as `ExportedCache.start` */
export function pathsOf(
  { tokens, parents }: Pass,
  pass: number,
  cache: ExportedCache,
  canCut: boolean,
): Path[] {
  const base = cache.length
  const inner = new Set(parents)
  const leaves = [...tokens.keys()].filter((node) => !inner.has(base + node))
  return leaves.map((leaf) => {
    const nodes: number[] = []
    let slot = base + leaf
    for (; slot >= base; slot = parents[slot - base]) nodes.push(slot - base)
    const { place, length, again } = cache.start(slot, canCut)
    nodes.reverse()
    const ids = [...again, ...nodes.map((node) => tokens[node])]
    return new Path(pass, ids, [...again.map(() => AGAIN), ...nodes], place, length)
  })
}

/** A run of several paths, of each its next tokens. */
interface Batch {
  readonly paths: readonly Path[]
  /** Tokens of the longest. */
  readonly width: number
}

/** Says which paths run together: those with as many tokens before them, in their order. */
export class Scheduler {
  constructor(
    private readonly paths: readonly Path[],
    private readonly graph: Pick<ExportedGraph, 'isGrouped' | 'isRecurrent'>,
  ) {}

  next(): Batch | undefined {
    const waiting = this.paths.filter(({ left }) => left > 0)
    if (waiting.length === 0) return undefined
    const { isGrouped, isRecurrent } = this.graph
    const length = Math.min(...waiting.map((path) => path.length))
    const candidates = waiting.filter((path) => path.length === length)
    const lengths = candidates.map(({ left }) => Math.min(CHUNK, left))
    // What fills rows up would change their states.
    const width = isRecurrent ? Math.min(...lengths) : Math.max(...lengths)
    if (isGrouped && length > 0 && candidates.length > 1 && width > 1) {
      // One path after the other, or one token of each after the other: whichever takes fewer runs.
      if (candidates.length <= width) return { paths: candidates.slice(0, 1), width: lengths[0] }
      return { paths: candidates.slice(0, MOST_PLACES), width: 1 }
    }
    // Much shorter ones have a run of their own, afterwards.
    const together = isRecurrent ? candidates : candidates.filter((_, i) => 2 * lengths[i] >= width)
    return { paths: together.slice(0, Math.max(1, Math.floor(MOST_PLACES / width))), width }
  }
}
