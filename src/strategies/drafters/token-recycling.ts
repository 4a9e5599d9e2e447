import type { Candidates } from '../../model/heads.js'
import { tokensOf } from '../../model/prefix.js'
import { Ranking } from '../ranking.js'
import { logSumExp } from '../softmax.js'
import type { CreateDrafter, VerifiedStep } from '../strategy.js'
import { likeliestPaths } from './medusa.js'

/** By token what the target found likeliest after it the last time: the rows of an adjacency matrix. */
export type Successors = Map<number, Candidates>

export interface TokenRecyclingOptions {
  /** Most nodes of a draft. */
  readonly size: number
  /** Most tokens of a path. */
  readonly depth: number
  /** Successors that are kept of a token. */
  readonly width?: number
  /** Nothing is drafted beyond these tokens. */
  readonly eosTokenIds?: readonly number[]
  /** What earlier sequences have left, and later ones will find (hot start); by default each begins with nothing. */
  readonly successors?: Successors
}

const NONE: Candidates = { tokens: [], logProbabilities: [] }

/**
 * Drafts a tree of what the target expected after the same single tokens (token recycling, Luo et al. 2024, section 3): every pass gives
 * the likeliest successors of each token of its draft, rejected or not. The paper's tree is static; this one has the likeliest
 * paths, by the successors' probabilities among themselves.
 */
export function tokenRecycling(options: TokenRecyclingOptions): CreateDrafter {
  const { size, depth, width = 8, eosTokenIds = [] } = options
  return () => {
    const successors: Successors = options.successors ?? new Map()
    const ranking = new Ranking()
    const enter = (token: number, logits: Float32Array) => {
      const tokens = ranking.read(logits).top(width)
      const scores = Float32Array.from(tokens, (each) => logits[each])
      const total = logSumExp(scores)
      successors.set(token, { tokens, logProbabilities: scores.map((score) => score - total) })
    }
    const after = (token: number) => (eosTokenIds.includes(token) ? undefined : successors.get(token)) ?? NONE
    return {
      logits: width,
      draft({ token }, _, limit, wanted = Number.POSITIVE_INFINITY) {
        const guesses = {
          heads: depth,
          after: async (paths: readonly (readonly number[])[]) => paths.map((path) => after(path.at(-1)!)),
        }
        return likeliestPaths(guesses, token, { size: Math.min(size, wanted), depth: Math.min(depth, limit) })
      },
      verified({ draft, path, prefix, logits }: VerifiedStep) {
        const [last] = tokensOf(prefix, path.length + 2)
        // What was accepted comes last: of a token that occurs twice, that is the better context.
        const rejected = [...draft.tokens.keys()].filter((node) => !path.includes(node))
        for (const node of [...rejected, -1, ...path]) enter(draft.tokens[node] ?? last, logits(node))
      },
    }
  }
}
