import type { Candidates, Guesses, Heads } from '../../model/heads.js'
import type { TokenTree } from '../../model/token-tree.js'
import type { CreateDrafter } from '../strategy.js'
import { likeliestTree, type TreeNode, type TreeSize } from './likeliest-tree.js'

export interface MedusaOptions {
  readonly heads: Heads
  /**
   * The tree: either that of Medusa's `medusa_choices`, paths of ranks such as [0], [0, 0], [1], or so many nodes of the
   * highest joint probability, chosen anew for each draft.
   */
  readonly tree: readonly (readonly number[])[] | number
  /** Nodes of a level whose children are looked at, where that takes time; all by default. */
  readonly width?: number
}

/** Drafts a tree of what Medusa's heads expect (Cai et al. 2024, section 2.1; given the path before, Ankner et al. 2024). */
export function medusa({ heads, tree, width }: MedusaOptions): CreateDrafter {
  return () => ({
    states: ['hidden'],
    async draft({ token }, { hidden }, limit, wanted = Number.POSITIVE_INFINITY) {
      const guesses = await heads(hidden)
      const depth = Math.min(guesses.heads, limit)
      return typeof tree === 'number'
        ? likeliestPaths(guesses, token, { size: Math.min(tree, wanted), depth, width })
        : choiceTree(guesses, token, tree, depth)
    },
  })
}

/**
 * The tree of `medusa_choices` (FasterDecoding/Medusa, `generate_medusa_buffers`): the node of the path [a, b, …] is the
 * token of rank a of the first head, after it that of rank b of the second one, … Paths deeper than `depth` are left out.
 * @param next the token that is not guessed any more
 */
export async function choiceTree(
  guesses: Guesses,
  next: number,
  choices: readonly (readonly number[])[],
  depth = guesses.heads,
): Promise<TokenTree> {
  const tree: TokenTree = { tokens: [], parents: [] }
  /** By the ranks of its path: its place, and the tokens of the path. */
  let level = new Map([['', { node: -1, path: [next] }]])
  for (let length = 1; length <= depth; length++) {
    const ofLevel = choices.filter((ranks) => ranks.length === length).sort(compare)
    const parents = [...new Set(ofLevel.map((ranks) => ranks.slice(0, -1).join()))].filter((key) =>
      level.has(key),
    )
    if (parents.length === 0) break
    const candidates = await guesses.after(parents.map((key) => level.get(key)!.path))
    const nodes: typeof level = new Map()
    for (const ranks of ofLevel) {
      const at = parents.indexOf(ranks.slice(0, -1).join())
      const token = candidates[at]?.tokens[ranks.at(-1)!]
      if (token === undefined) continue
      const parent = level.get(parents[at])!
      nodes.set(ranks.join(), { node: tree.tokens.push(token) - 1, path: [...parent.path, token] })
      tree.parents.push(parent.node)
    }
    level = nodes
  }
  return tree
}

/** Lists of the same length in order. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at] - b[at]
}

interface Node extends TreeNode {
  /** Tokens from the next one on. */
  readonly path: readonly number[]
}

/**
 * The nodes whose paths are the likeliest, if what a head does not know of a path makes no difference.
 * @param next the token that is not guessed any more
 */
export function likeliestPaths(guesses: Guesses, next: number, size: TreeSize): Promise<TokenTree> {
  const root: Node = { token: next, depth: 0, path: [next], logProbability: 0 }
  return likeliestTree(root, size, async (open) => {
    const candidates = await guesses.after(open.map(({ path }) => path))
    return open.flatMap((parent, i) => childrenOf(parent, candidates[i]))
  })
}

function childrenOf(parent: Node, { tokens, logProbabilities }: Candidates): Node[] {
  const children = Array.from(tokens, (token, rank) => ({
    token,
    depth: parent.depth + 1,
    parent,
    path: [...parent.path, token],
    logProbability: parent.logProbability + logProbabilities[rank],
  }))
  return children.filter(({ logProbability }) => logProbability > -Infinity)
}
