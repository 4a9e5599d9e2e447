import type { Random, TokenTree, Verifier } from './types.js'

/** Picks the next token by its processed scores, [vocab]. */
export type Choose = (scores: Float32Array, random: Random) => number

/**
 * The target chooses at every node, and the draft is followed while it has the choice. Lossless for any draft that
 * does not depend on chance: each token takes one choice, so that the same seed gives the same text whatever the
 * drafter.
 */
export function follow(choose: Choose): Verifier {
  return (draft, target, random) => {
    const path: number[] = []
    for (let node = -1; ; ) {
      const token = choose(target(node), random)
      const child = childOf(draft, node, token)
      if (child < 0) return { path, next: token }
      path.push(child)
      node = child
    }
  }
}

function childOf(draft: TokenTree, parent: number, token: number): number {
  return draft.tokens.findIndex((candidate, i) => candidate === token && draft.parents[i] === parent)
}
