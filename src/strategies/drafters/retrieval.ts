import { tokensOf } from '../../model/prefix.js'
import { chain, type TokenTree } from '../../model/token-tree.js'
import { takeHighest } from '../ranking.js'
import type { CreateDrafter } from '../strategy.js'
import { INDEX_DEPTH, type SuffixIndex } from '../suffix-index.js'
import { before, earlierEnd, type PromptLookupOptions } from './prompt-lookup.js'

export interface RetrievalOptions extends PromptLookupOptions {
  readonly corpus: SuffixIndex
}

/** Occurrences that are read for a draft at most. */
const OCCURRENCES = 1000

/**
 * Prompt lookup in a corpus, too (He et al. 2023, REST, section 3): finds the longest end of the sequence, of `maxNgram` tokens at most
 * (by default REST's 16), that occurs in a document, and drafts its likeliest continuations, a tree of `numTokens` nodes. Where a longer
 * end stood in the sequence itself, what followed it there is drafted, as in prompt lookup. A single token is enough, as there; REST
 * wants two, with which fewer drafts, and fewer tokens in all, are accepted.
 */
export function retrieval({
  corpus,
  numTokens,
  maxNgram = INDEX_DEPTH,
  eosTokenIds = [],
}: RetrievalOptions): CreateDrafter {
  return () => ({
    draft(prefix, _, limit) {
      const text = tokensOf(prefix)
      const own = earlierEnd(text, maxNgram)
      const found = corpus.longestEnd(text, maxNgram)
      if (own.size > found.size) {
        const tokens = text.slice(own.end, own.end + Math.min(numTokens, limit))
        return chain(before(eosTokenIds, tokens))
      }
      const places = corpus.continuations(found, OCCURRENCES)
      return likeliestContinuations(corpus, places, { nodes: numTokens, depth: limit, eosTokenIds })
    },
  })
}

/** A node that could be added. */
interface Extension {
  readonly token: number
  readonly parent: number
  /** Tokens of its path. */
  readonly depth: number
  /** Where documents go on after its path. */
  readonly places: readonly number[]
}

interface TreeLimits {
  readonly nodes: number
  /** Tokens of a path. */
  readonly depth: number
  readonly eosTokenIds: readonly number[]
}

/**
 * The first nodes of the trie of continuations by the number of those that go through them, which is their joint probability
 * times a constant: best first, so that the first m of them are the best m.
 * @param places where the continuations begin in the corpus's tokens
 */
function likeliestContinuations(
  corpus: SuffixIndex,
  places: readonly number[],
  { nodes, depth: deepest, eosTokenIds }: TreeLimits,
): TokenTree {
  const tree: TokenTree = { tokens: [], parents: [] }
  const open: Extension[] = []
  const extend = (parent: number, depth: number, from: readonly number[]) => {
    if (depth >= deepest) return
    for (const [token, next] of nextPlaces(corpus, from)) {
      if (!eosTokenIds.includes(token)) open.push({ token, parent, depth: depth + 1, places: next })
    }
  }
  extend(-1, 0, places)
  while (tree.tokens.length < nodes && open.length > 0) {
    const { token, parent, depth, places } = takeHighest(open, ({ places }) => places.length)
    const node = tree.tokens.push(token) - 1
    tree.parents.push(parent)
    extend(node, depth, places)
  }
  return tree
}

/** By the token that stands at places of a corpus, the places after it; documents that end there are left out. */
function nextPlaces({ tokens, boundary }: SuffixIndex, places: readonly number[]): Map<number, number[]> {
  const next = new Map<number, number[]>()
  for (const place of places) {
    const token = tokens[place]
    if (token === boundary) continue
    const known = next.get(token)
    if (known) known.push(place + 1)
    else next.set(token, [place + 1])
  }
  return next
}
