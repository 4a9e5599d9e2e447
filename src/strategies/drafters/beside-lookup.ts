import { type CreateDraftControl, RegretBudget } from '../draft-control.js'
import type { Drafting } from '../drafting.js'
import type { CreateDrafter } from '../strategy.js'
import { controlled } from './controlled.js'
import { firstOf } from './first-of.js'
import { type PromptLookupOptions, promptLookup } from './prompt-lookup.js'

/** Tokens of the longest chains of prompt lookup, where their length is what pays. */
export const MOST_LOOKED_UP = 24
/** Tokens of an n-gram that is seldom found again by chance: HF's `max_matching_ngram_size`. */
const SURE = 2

export interface BesideLookupOptions extends Partial<Omit<PromptLookupOptions, 'minNgram'>> {
  /** Decides how much lookup drafts; by default `numTokens` does. */
  readonly createControl?: CreateDraftControl
}

/**
 * Drafts what followed the last tokens where they stood before, two of them at least, for a text that repeats itself so far goes on doing
 * so (as in SAM decoding, Hu et al. 2024); else by another drafter, and where that drafts nothing, what followed the last token.
 */
export function besideLookup(
  other: Drafting,
  { createControl, numTokens = MOST_LOOKED_UP, maxNgram = SURE, eosTokenIds }: BesideLookupOptions,
): CreateDrafter {
  const lookup = (ngrams: Pick<PromptLookupOptions, 'minNgram' | 'maxNgram'>): Drafting => ({
    createDrafter: promptLookup({ numTokens, eosTokenIds, ...ngrams }),
    createControl,
  })
  const sure = maxNgram >= SURE ? [lookup({ minNgram: SURE, maxNgram })] : []
  const all = [...sure, other, lookup({ maxNgram: SURE - 1 })]
  return (request) => {
    const budget = new RegretBudget(all.filter(({ createControl }) => createControl).length)
    const drafters = all.map(({ createDrafter, createControl }) =>
      controlled(createDrafter, createControl && (() => createControl(budget))),
    )
    return firstOf(drafters)(request)
  }
}
