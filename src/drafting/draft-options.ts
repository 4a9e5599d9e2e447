import type { LanguageModel } from '../language-model/load.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { besideLookup, MOST_LOOKED_UP } from '../strategies/drafters/beside-lookup.js'
import type { Drafting } from '../strategies/drafting.js'
import { type CostOptions, type MeasuredDrafter, randomDrafts, throughputControl } from './step-costs.js'

export interface DraftSettings extends CostOptions {
  /** Whether drafts have the size that the drafter was made with, instead of that which pays. */
  readonly isFixed?: boolean
  /** Whether prompt lookup drafts as well: see `besideLookup`. */
  readonly lookup?: boolean
}

/** What `generate` drafts with: as many nodes as pay, where nothing else is settled. */
export async function draftOptions(
  model: LanguageModel,
  drafter: MeasuredDrafter,
  { isFixed = false, lookup = false, ...costs }: DraftSettings,
): Promise<Drafting> {
  const createControl = isFixed ? undefined : await throughputControl(model, drafter, costs)
  return withLookup(model, { createDrafter: drafter.createDrafter, createControl }, { lookup, ...costs })
}

/** The same, with prompt lookup beside it where that is wanted. */
export async function withLookup(
  model: LanguageModel,
  own: Drafting,
  { lookup = false, ...costs }: Pick<DraftSettings, 'lookup'> & CostOptions,
): Promise<Drafting> {
  if (!lookup) return own
  const { eosTokenIds } = model.tokenizer
  return {
    createDrafter: besideLookup(own, { createControl: await lookupControl(model, costs), eosTokenIds }),
  }
}

/** A search of the text takes no time to speak of. */
export function lookupControl(model: LanguageModel, costs: CostOptions): Promise<CreateDraftControl> {
  return throughputControl(model, randomDrafts(model.model, MOST_LOOKED_UP), costs)
}
