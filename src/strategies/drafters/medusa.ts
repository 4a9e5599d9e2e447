import { takeHighest } from '../ranking.js'
import type { CreateDrafter, TokenTree } from '../types.js'

/** What one head expects at its place: tokens, most probable first, and their log-probabilities (nats). */
export interface Candidates {
  readonly tokens: ArrayLike<number>
  readonly logProbabilities: ArrayLike<number>
}

/** A head each for the tokens after the next one, given the hidden state that the next one was chosen from, [hidden]. */
export type Heads = (hidden: Float32Array) => Promise<readonly Candidates[]>

export interface MedusaOptions {
  readonly heads: Heads
  /**
   * The tree: either that of Medusa's `medusa_choices`, paths of ranks such as [0], [0, 0], [1], or so many nodes of the
   * highest joint probability, chosen anew for each draft.
   */
  readonly tree: readonly (readonly number[])[] | number
}

/** Drafts a tree of what Medusa's heads expect (Cai et al. 2024, section 2.1). */
export function medusa({ heads, tree }: MedusaOptions): CreateDrafter {
  return () => ({
    states: ['hidden'],
    async draft(_, { hidden }, limit) {
      const candidates = (await heads(hidden)).slice(0, limit)
      return typeof tree === 'number' ? likeliestTree(candidates, tree) : choiceTree(candidates, tree)
    },
  })
}

/**
 * The tree of `medusa_choices` (FasterDecoding/Medusa, `generate_medusa_buffers`): the node of the path [a, b, …] is the
 * token of rank a of the first head, after it that of rank b of the second one, … Paths deeper than there are candidates are
 * left out.
 */
export function choiceTree(
  candidates: readonly Candidates[],
  choices: readonly (readonly number[])[],
): TokenTree {
  const tree: TokenTree = { tokens: [], parents: [] }
  const nodes = new Map<string, number>([['', -1]])
  const sorted = choices.toSorted((a, b) => a.length - b.length || compare(a, b))
  for (const path of sorted) {
    const parent = nodes.get(path.slice(0, -1).join())
    const token = candidates[path.length - 1]?.tokens[path.at(-1)!]
    if (parent === undefined || token === undefined) continue
    nodes.set(path.join(), tree.tokens.push(token) - 1)
    tree.parents.push(parent)
  }
  return tree
}

/** Lists of the same length in order. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at] - b[at]
}

/** A node that could be added: the candidate of a rank below a node of the tree. */
interface Extension {
  readonly parent: number
  readonly depth: number
  readonly rank: number
  /** Of the path to the parent, nats. */
  readonly before: number
  /** Of the path to it. */
  readonly logProbability: number
}

/**
 * The `size` nodes whose paths are the likeliest if heads were independent: best first, a node opens its first child and
 * its next sibling.
 */
export function likeliestTree(candidates: readonly Candidates[], size: number): TokenTree {
  const tree: TokenTree = { tokens: [], parents: [] }
  const open: Extension[] = []
  const add = (parent: number, depth: number, rank: number, before: number) => {
    const logProbability = before + (candidates[depth]?.logProbabilities[rank] ?? Number.NaN)
    if (logProbability > -Infinity) open.push({ parent, depth, rank, before, logProbability })
  }
  add(-1, 0, 0, 0)
  while (tree.tokens.length < size && open.length > 0) {
    const { parent, depth, rank, before, logProbability } = takeHighest(
      open,
      (extension) => extension.logProbability,
    )
    const node = tree.tokens.push(candidates[depth].tokens[rank]) - 1
    tree.parents.push(parent)
    add(parent, depth, rank + 1, before)
    add(node, depth + 1, 0, logProbability)
  }
  return tree
}
