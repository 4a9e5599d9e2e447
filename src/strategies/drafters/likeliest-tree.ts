import type { TokenTree } from '../../model/token-tree.js'

/** A node of a tree that grows. */
export interface TreeNode {
  readonly token: number
  /** Tokens of the path to it, this one included; 0 for the root, the text. */
  readonly depth: number
  readonly parent?: this
  /** Of the path, nats; no higher than its parent's. */
  readonly logProbability: number
}

export interface TreeSize {
  /** Most nodes. */
  readonly size: number
  /** Most tokens of a path. */
  readonly depth: number
  /** Nodes of a level whose children are looked at; all by default. */
  readonly width?: number
}

/** Nodes of a level whose children are looked at where that takes time: EAGLE-2's `top_k`. */
export const WIDTH = 10

/**
 * The tree of the likeliest paths, grown level by level (as EAGLE-2's, Li et al. 2024, section 4): the children of the best open nodes
 * compete with all nodes so far by joint probability. The nodes come best first, so that the first m of them are the best
 * draft of m nodes.
 * @param children of nodes of one depth; none of those beyond which nothing is drafted
 */
export async function likeliestTree<Node extends TreeNode>(
  root: Node,
  { size, depth, width = Number.POSITIVE_INFINITY }: TreeSize,
  children: (open: readonly Node[]) => Promise<readonly Node[]>,
): Promise<TokenTree> {
  let best: Node[] = []
  let open = [root]
  for (let level = 1; level <= depth && open.length > 0; level++) {
    // No child is likelier than its parent, and of equals the earlier one stays the first.
    best = [...best, ...(await children(open))]
      .sort((a, b) => b.logProbability - a.logProbability)
      .slice(0, size)
    // For a child of the last one there is no room.
    open = best
      .slice(0, size - 1)
      .filter((node) => node.depth === level)
      .slice(0, width)
  }
  return {
    tokens: best.map(({ token }) => token),
    parents: best.map(({ parent }) => best.indexOf(parent as Node)),
  }
}
