import { renumber } from './delegate.js'
import type { KVCache, Model, Output, StateName } from './model.js'
import type { Prefix } from './prefix.js'

/** Dead slots that are worth a compaction. */
const SLACK = 64

/** A cache whose slots are found by the prefix that ends there, for strategies that follow several sequences. */
export class PrefixTree {
  private slots = new Map<Prefix, number>()
  private pruneAt: number

  /**
   * @param prompt what the cache holds the first tokens of
   * @param states those of the model that are wanted
   */
  constructor(
    private readonly model: Model,
    private readonly cache: KVCache,
    prompt: Prefix,
    private readonly states: readonly StateName[] = [],
  ) {
    for (let node: Prefix | undefined = prompt; node; node = node.parent) {
      if (node.length <= cache.length) this.slots.set(node, node.length - 1)
    }
    this.pruneAt = prompt.length + SLACK
  }

  /**
   * Runs what the cache lacks of `leaves`, in one pass; of each at least the last token has not been run yet.
   * @returns the output by index of `leaves`; equal leaves share theirs
   */
  async run(leaves: readonly Prefix[]): Promise<Output> {
    const tokens: number[] = []
    const parents: number[] = []
    const nodes: number[] = []
    const first = this.cache.length
    const added = new Map<Prefix, number>()
    for (const leaf of leaves) {
      for (const prefix of this.missing(leaf, added)) {
        added.set(prefix, first + tokens.length)
        tokens.push(prefix.token)
        parents.push(prefix.parent ? (this.slots.get(prefix.parent) ?? added.get(prefix.parent)!) : -1)
      }
      nodes.push(added.get(leaf)! - first)
    }
    const { states } = this
    const output = await this.model.forward(this.cache, tokens, parents, [...new Set(nodes)], { states })
    for (const [prefix, slot] of added) this.slots.set(prefix, slot)
    return renumber(output, (leaf) => nodes[leaf])
  }

  /** Forgets what none of `leaves` continues, once there is enough of it. */
  prune(leaves: readonly Prefix[]): void {
    if (this.cache.length < this.pruneAt) return
    const live = new Set<Prefix>()
    for (const leaf of leaves) {
      for (let node: Prefix | undefined = leaf; node && !live.has(node); node = node.parent) live.add(node)
    }
    const kept = [...this.slots].filter(([prefix]) => live.has(prefix)).sort(([, a], [, b]) => a - b)
    this.pruneAt = kept.length + SLACK
    if (kept.length === this.cache.length) return
    this.cache.keep(kept.map(([, slot]) => slot))
    this.slots = new Map(kept.map(([prefix], slot) => [prefix, slot]))
  }

  /** The end of `leaf` that has no slot, oldest token first. */
  private missing(leaf: Prefix, added: ReadonlyMap<Prefix, number>): Prefix[] {
    const missing: Prefix[] = []
    for (let node: Prefix | undefined = leaf; node; node = node.parent) {
      if (this.slots.has(node) || added.has(node)) break
      missing.push(node)
    }
    return missing.reverse()
  }
}
