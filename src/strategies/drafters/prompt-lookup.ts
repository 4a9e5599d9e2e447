import { tokensOf } from '../../model/prefix.js'
import { chain, NOTHING } from '../../model/token-tree.js'
import type { CreateDrafter } from '../strategy.js'

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

/**
 * The longest end of a text that stands in it before, of `most` tokens at most: their number, and where it first ended. By the
 * Z-algorithm (Gusfield 1997, section 1.4) from the end, which takes time in proportion to the text however much it repeats itself.
 */
export function earlierEnd(text: readonly number[], most: number): { size: number; end: number } {
  const { length } = text
  const at = (i: number) => text[length - 1 - i]
  /** By tokens left out at the end, how many the text before them ends with alike. */
  const alike = new Uint32Array(length)
  // The window of the match that reaches furthest.
  let [from, to] = [0, 0]
  let longest = { size: 0, end: length }
  for (let skipped = 1; skipped < length; skipped++) {
    let size = skipped < to ? Math.min(to - skipped, alike[skipped - from]) : 0
    while (skipped + size < length && at(size) === at(skipped + size)) size++
    alike[skipped] = size
    if (skipped + size > to) [from, to] = [skipped, skipped + size]
    // Of equals the first place counts, which comes last here.
    if (size > 0 && Math.min(size, most) >= longest.size)
      longest = { size: Math.min(size, most), end: length - skipped }
  }
  return longest
}

/** The tokens before the first one that ends a text. */
export function before(eosTokenIds: readonly number[], tokens: number[]): number[] {
  const end = tokens.findIndex((token) => eosTokenIds.includes(token))
  return end < 0 ? tokens : tokens.slice(0, end)
}
