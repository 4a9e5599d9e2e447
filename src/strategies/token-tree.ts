import type { TokenTree } from './types.js'

/** A draft of no tokens. */
export const NOTHING: TokenTree = { tokens: [], parents: [] }

export function firstNodes({ tokens, parents, probs }: TokenTree, size: number): TokenTree {
  return {
    tokens: tokens.slice(0, size),
    parents: parents.slice(0, size),
    ...(probs && { probs: probs.slice(0, size) }),
  }
}
