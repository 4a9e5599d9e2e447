import { tokensOf } from '../prefix.js'
import type { CreateDrafter, TokenTree } from '../types.js'

export interface PromptLookupOptions {
  /** HF's `prompt_lookup_num_tokens`: tokens to draft at a time. */
  readonly numTokens: number
  /** HF's `max_matching_ngram_size`: the longest n-gram that is looked for. */
  readonly maxNgram?: number
  /** Nothing is drafted beyond these tokens. */
  readonly eosTokenIds?: readonly number[]
}

/**
 * Drafts what followed the sequence's last tokens where they stood before (Saxena 2023; HF's
 * `PromptLookupCandidateGenerator`): the longest n-gram that occurs, at its first place, counts.
 */
export function promptLookup({
  numTokens,
  maxNgram = 2,
  eosTokenIds = [],
}: PromptLookupOptions): CreateDrafter {
  return () => ({
    draft(prefix, _, limit) {
      const text = tokensOf(prefix)
      const at = continuation(text, maxNgram)
      const tokens = text.slice(at, at + Math.min(numTokens, limit))
      const end = tokens.findIndex((token) => eosTokenIds.includes(token))
      return chain(end < 0 ? tokens : tokens.slice(0, end))
    },
  })
}

/** Where the text goes on after the first occurrence of its longest known suffix; its end where there is none. */
function continuation(text: readonly number[], maxNgram: number): number {
  const { length } = text
  for (let size = Math.min(maxNgram, length - 1); size > 0; size--) {
    const first = length - size
    for (let at = 0; at < first; at++) {
      let same = 0
      while (same < size && text[at + same] === text[first + same]) same++
      if (same === size) return at + size
    }
  }
  return length
}

/** Tokens one after the other. */
export function chain(tokens: number[]): TokenTree {
  return { tokens, parents: tokens.map((_, i) => i - 1) }
}
