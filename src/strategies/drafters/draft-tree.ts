import type { Model } from '../../model/model.js'
import { extend, type Prefix, tokensOf } from '../../model/prefix.js'
import { NOTHING, type TokenTree } from '../../model/token-tree.js'
import { Ranking } from '../ranking.js'
import { logSumExp } from '../softmax.js'
import type { CreateDrafter, Drafter, Request } from '../strategy.js'
import { DraftCache } from './draft-cache.js'
import { likeliestTree, type TreeNode, WIDTH } from './likeliest-tree.js'

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

/**
 * Drafts the tree of the paths that a smaller model finds likeliest (Miao et al. 2024), best first: the model runs the best open nodes
 * of a level in one pass.
 */
export function draftTree(options: DraftTreeOptions): CreateDrafter {
  return (request) => new DraftTreeDrafter(options, request)
}

interface Node extends TreeNode {
  /** Ends in the node's token. */
  readonly prefix: Prefix
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

  async draft(
    prefix: Prefix,
    _: unknown,
    limit: number,
    wanted = Number.POSITIVE_INFINITY,
  ): Promise<TokenTree> {
    const { model, depth, eosTokenIds = [] } = this.options
    const size = Math.min(this.options.size, wanted)
    const levels = Math.min(limit, depth, model.maxPositions - prefix.length)
    if (levels < 1) return NOTHING
    const root = { token: prefix.token, depth: 0, prefix, logProbability: 0 }
    return likeliestTree<Node>(root, { size, depth: levels, width: WIDTH }, async (open) => {
      if (open[0] === root) return this.firstLevel(root, size)
      const further = open.filter(({ token }) => !eosTokenIds.includes(token))
      return further.length > 0 ? this.nextLevel(further, size) : []
    })
  }

  private async firstLevel(root: Node, size: number): Promise<Node[]> {
    const logits = await this.cache.append(this.cache.follow(tokensOf(root.prefix)))
    root.slot = this.cache.length - 1
    return this.children(root, logits, size)
  }

  private async nextLevel(open: readonly Node[], size: number): Promise<Node[]> {
    const first = this.cache.length
    const output = await this.cache.run(
      open.map(({ token }) => token),
      open.map(({ parent }) => parent!.slot!),
    )
    return open.flatMap((node, i) => {
      node.slot = first + i
      return this.children(node, output.logits(i), size)
    })
  }

  /** The tokens that the model, its scores processed as the target's are, finds likeliest after a node, best first. */
  private children(parent: Node, logits: Float32Array, count: number): Node[] {
    const { processors } = this.request
    const scores = processors.length > 0 ? logits.slice() : logits
    for (const process of processors) process(scores, parent.prefix)
    const total = logSumExp(scores)
    const tokens = this.ranking.read(scores).top(count)
    return tokens.map((token) => ({
      token,
      depth: parent.depth + 1,
      prefix: extend(parent.prefix, token),
      parent,
      logProbability: parent.logProbability + (scores[token] - total),
    }))
  }

  dispose(): void {
    this.cache.dispose()
  }
}
