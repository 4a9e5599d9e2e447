import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { besideLookup } from '../strategies/drafters/beside-lookup.js'
import { firstOf } from '../strategies/drafters/first-of.js'
import { type PromptLookupOptions, promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { retrieval } from '../strategies/drafters/retrieval.js'
import type { Drafting } from '../strategies/drafting.js'
import { INDEX_DEPTH, type SuffixIndex } from '../strategies/suffix-index.js'
import { assistantDrafting, type FittedAssistant } from './assistant.js'

/** What may draft: a drafter of the caller's, a model, and text to look in. */
export interface DraftingParts extends Partial<Drafting> {
  readonly eosTokenIds: readonly number[]
  readonly assistant?: FittedAssistant
  /** Text that prompt lookup looks in, too. */
  readonly lookupCorpus?: SuffixIndex
}

/**
 * The one road from settings and options to a draft; nothing drafts where it is empty. A drafter of the caller's goes beside prompt lookup.
 * The text is that of greedy decoding, or distributed as that of sampling; where no draft depends on chance it is the very same text for
 * the same seed.
 * @throws UserError for settings that ask for a drafter which is not there
 */
export function draftingFor(config: GenerationConfig, parts: DraftingParts): Partial<Drafting> {
  const { eosTokenIds, assistant, createDrafter, createControl, verifier } = parts
  if (assistant) return assistantDrafting(config, assistant, eosTokenIds, createControl)
  if (config.assistant_early_exit !== undefined) {
    throw usageError(
      `assistant_early_exit needs the first layers of the model as its assistant: load them with layers: ${config.assistant_early_exit}.`,
    )
  }
  const lookup = lookupOptions(config, parts)
  if (!lookup) return { createDrafter, createControl, verifier }
  const { corpus } = lookup
  const createLookup = corpus ? retrieval({ ...lookup, corpus }) : promptLookup(lookup)
  if (!createDrafter) return { createDrafter: createLookup, createControl, verifier }
  if (corpus) return { createDrafter: firstOf([createLookup, createDrafter]), createControl, verifier }
  return { createDrafter: besideLookup({ createDrafter, createControl }, lookup), verifier }
}

/** Where prompt lookup looks, the sequence and a corpus if there is one, and how much it drafts. */
function lookupOptions(
  { prompt_lookup_num_tokens: numTokens, max_matching_ngram_size: maxNgram }: GenerationConfig,
  { eosTokenIds, lookupCorpus: corpus }: DraftingParts,
): (PromptLookupOptions & { readonly corpus?: SuffixIndex }) | undefined {
  if (numTokens === undefined) return undefined
  if (corpus && maxNgram !== undefined && maxNgram > INDEX_DEPTH) {
    throw usageError(
      `max_matching_ngram_size is ${maxNgram}, but a corpus is searched for ${INDEX_DEPTH} tokens at most.`,
    )
  }
  return { numTokens, maxNgram, eosTokenIds, corpus }
}
