import { extend, tokensOf } from '../prefix.js'
import { Ranking } from '../ranking.js'
import { logSumExp } from '../softmax.js'
import type { CreateDrafter, Drafter, Model, Prefix, Request, TokenTree } from '../types.js'
import { DraftCache } from './draft-cache.js'

export interface DraftTreeOptions {
  /** With the target's vocabulary. */
  readonly model: Model
  /** Nodes of the tree. */
  readonly size: number
  /** Most tokens of a path. */
  readonly depth: number
  /** Nothing is drafted beyond these tokens. */
  readonly eosTokenIds?: readonly number[]
}

/** Nodes of a level whose children are looked at: EAGLE-2's `top_k`. */
const WIDTH = 10

/**
 * Drafts the tree of the paths that a smaller model finds likeliest (Miao et al. 2024; grown as EAGLE-2's, Li et al. 2024,
 * section 4): level by level, the model runs the best open nodes in one pass, and their children compete with all nodes
 * so far by joint probability. The nodes come best first, so that the first m of them are the best draft of m nodes.
 */
export function draftTree(options: DraftTreeOptions): CreateDrafter {
  return (request) => new DraftTreeDrafter(options, request)
}

interface Node {
  /** Ends in the node's token. */
  readonly prefix: Prefix
  /** None for the root, the text. */
  readonly parent?: Node
  /** Of the path, nats. */
  readonly logProbability: number
  /** In the cache, once the node was run. */
  slot?: number
}

class DraftTreeDrafter implements Drafter {
  private readonly cache: DraftCache
  private readonly ranking = new Ranking()

  constructor(
    private readonly options: DraftTreeOptions,
    private readonly request: Pick<Request, 'processors'>,
  ) {
    this.cache = new DraftCache(options.model)
  }

  async draft(prefix: Prefix, _: unknown, limit: number): Promise<TokenTree> {
    const { model, size, depth, eosTokenIds = [] } = this.options
    const levels = Math.min(limit, depth, model.maxPositions - prefix.length)
    if (levels < 1) return { tokens: [], parents: [] }
    let best = await this.firstLevel(prefix)
    for (let level = 1; level < levels; level++) {
      const isOpen = ({ prefix: { length, token } }: Node) =>
        length === prefix.length + level && !eosTokenIds.includes(token)
      const open = best.filter(isOpen).slice(0, WIDTH)
      if (open.length === 0) break
      const children = await this.nextLevel(open)
      // No child is likelier than its parent, and of equals the earlier one stays the first.
      best = [...best, ...children].sort((a, b) => b.logProbability - a.logProbability).slice(0, size)
    }
    return {
      tokens: best.map((node) => node.prefix.token),
      parents: best.map((node) => best.indexOf(node.parent!)),
    }
  }

  private async firstLevel(prefix: Prefix): Promise<Node[]> {
    const logits = await this.cache.append(this.cache.follow(tokensOf(prefix)))
    return this.children({ prefix, logProbability: 0, slot: this.cache.length - 1 }, logits)
  }

  private async nextLevel(open: readonly Node[]): Promise<Node[]> {
    const first = this.cache.length
    const output = await this.cache.run(
      open.map((node) => node.prefix.token),
      open.map((node) => node.parent!.slot!),
    )
    return open.flatMap((node, i) => {
      node.slot = first + i
      return this.children(node, output.logits(i))
    })
  }

  /** The tokens that the model, its scores processed as the target's are, finds likeliest after a node, best first. */
  private children(parent: Node, logits: Float32Array): Node[] {
    const { processors } = this.request
    const scores = processors.length > 0 ? logits.slice() : logits
    for (const process of processors) process(scores, parent.prefix)
    const total = logSumExp(scores)
    const tokens = this.ranking.read(scores).top(this.options.size)
    return tokens.map((token) => ({
      prefix: extend(parent.prefix, token),
      parent,
      logProbability: parent.logProbability + (scores[token] - total),
    }))
  }

  dispose(): void {
    this.cache.dispose()
  }
}
