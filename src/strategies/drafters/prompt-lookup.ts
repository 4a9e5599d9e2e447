import { tokensOf } from '../prefix.js'
import { NOTHING } from '../token-tree.js'
import type { CreateDrafter, TokenTree } from '../types.js'

export interface PromptLookupOptions {
  /** HF's `prompt_lookup_num_tokens`: tokens to draft at a time. */
  readonly numTokens: number
  /** HF's `max_matching_ngram_size`: the longest n-gram that is looked for. */
  readonly maxNgram?: number
  /** The shortest n-gram that counts; by default a single token, as in HF. */
  readonly minNgram?: number
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
  minNgram = 1,
  eosTokenIds = [],
}: PromptLookupOptions): CreateDrafter {
  return () => ({
    draft(prefix, _, limit) {
      const text = tokensOf(prefix)
      const { size, end } = earlierEnd(text, maxNgram)
      if (size < minNgram) return NOTHING
      return chain(before(eosTokenIds, text.slice(end, end + Math.min(numTokens, limit))))
    },
  })
}

/** The longest end of a text that stands in it before, of `most` tokens at most: their number, and where it first ended. */
export function earlierEnd(text: readonly number[], most: number): { size: number; end: number } {
  const { length } = text
  let longest = { size: 0, end: length }
  for (let end = 1; end < length; end++) {
    let size = 0
    while (size < most && size < end && text[end - 1 - size] === text[length - 1 - size]) size++
    if (size > longest.size) longest = { size, end }
  }
  return longest
}

/** The tokens before the first one that ends a text. */
export function before(eosTokenIds: readonly number[], tokens: number[]): number[] {
  const end = tokens.findIndex((token) => eosTokenIds.includes(token))
  return end < 0 ? tokens : tokens.slice(0, end)
}

/** Tokens one after the other. */
export function chain(tokens: number[]): TokenTree {
  return { tokens, parents: tokens.map((_, i) => i - 1) }
}
