/** Candidate continuations in topological order; parent -1 is the last committed token. */
export interface TokenTree {
  tokens: number[]
  parents: number[]
  /** The drafter's distribution at each node's parent, [vocab] each; absent for a deterministic draft. */
  probs?: Float32Array[]
}

/** A draft of no tokens. */
export const NOTHING: TokenTree = { tokens: [], parents: [] }

/** Tokens one after the other. */
export function chain(tokens: number[]): TokenTree {
  return { tokens, parents: tokens.map((_, i) => i - 1) }
}
