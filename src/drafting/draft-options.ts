import type { LanguageModel } from '../language-model/load.js'
import { type CreateDraftControl, LossBudget } from '../strategies/draft-control.js'
import { controlled } from '../strategies/drafters/controlled.js'
import { firstOf } from '../strategies/drafters/first-of.js'
import { type PromptLookupOptions, promptLookup } from '../strategies/drafters/prompt-lookup.js'
import type { CreateDrafter } from '../strategies/strategy.js'
import { type CostOptions, type MeasuredDrafter, randomDrafts, throughputControl } from './step-costs.js'
import { MOST_LOOKED_UP } from './strategy-kinds.js'

export interface DraftSettings extends CostOptions {
  /** Whether drafts have the size that the drafter was made with, in place of that which pays. */
  readonly isFixed?: boolean
  /** Whether prompt lookup drafts as well: see `besideLookup`. */
  readonly lookup?: boolean
}

interface Drafts {
  readonly createDrafter: CreateDrafter
  readonly createControl?: CreateDraftControl
}

/** What `generate` drafts with: as many nodes as pay, where nothing else is settled. */
export async function draftOptions(
  model: LanguageModel,
  drafter: MeasuredDrafter,
  { isFixed = false, lookup = false, ...costs }: DraftSettings,
): Promise<Drafts> {
  const createControl = isFixed ? undefined : await throughputControl(model, drafter, costs)
  return withLookup(model, { createDrafter: drafter.createDrafter, createControl }, { lookup, ...costs })
}

/** The same, with prompt lookup beside it where that is wanted. */
export async function withLookup(
  model: LanguageModel,
  own: Drafts,
  { lookup = false, ...costs }: Pick<DraftSettings, 'lookup'> & CostOptions,
): Promise<Drafts> {
  if (!lookup) return own
  const { eosTokenIds } = model.tokenizer
  return {
    createDrafter: besideLookup(own, { createControl: await lookupControl(model, costs), eosTokenIds }),
  }
}

interface LookupParts extends Pick<PromptLookupOptions, 'eosTokenIds'> {
  readonly createControl: CreateDraftControl
}

/** Tokens of an n-gram that is seldom found again by chance: HF's `max_matching_ngram_size`. */
const SURE = 2

/**
 * What followed the last two tokens where they stood before is drafted first, for a text that repeats itself so far goes on doing so
 * (as in SAM decoding, Hu et al. 2024); then comes another drafter, and where that drafts nothing what followed the last token.
 */
export function besideLookup(other: Drafts, { createControl, eosTokenIds }: LookupParts): CreateDrafter {
  const lookup = (ngrams: Pick<PromptLookupOptions, 'minNgram' | 'maxNgram'>): Drafts => ({
    createDrafter: promptLookup({ numTokens: MOST_LOOKED_UP, eosTokenIds, ...ngrams }),
    createControl,
  })
  const all = [lookup({ minNgram: SURE, maxNgram: SURE }), other, lookup({ maxNgram: SURE - 1 })]
  return (request) => {
    const budget = new LossBudget(all.filter(({ createControl }) => createControl).length)
    const drafters = all.map(({ createDrafter, createControl }) =>
      controlled(createDrafter, createControl && (() => createControl(budget))),
    )
    return firstOf(drafters)(request)
  }
}

/** A search of the text takes no time to speak of. */
export function lookupControl(model: LanguageModel, costs: CostOptions): Promise<CreateDraftControl> {
  return throughputControl(model, randomDrafts(model.model, MOST_LOOKED_UP), costs)
}
