import type { GenerationConfig } from '../config/index.js'
import { type GenerationMode, generationMode, OPEN_MODES } from '../config/mode.js'
import { usageError } from '../errors.js'
import type { Alternatives } from '../strategies/beam/constraints.js'
import { beamSearch } from '../strategies/beam/search.js'
import { drawWithoutReplacement, selectBest } from '../strategies/beam/selection.js'
import { argmax, sampler } from '../strategies/choose.js'
import { contrastiveSearch } from '../strategies/contrastive-search.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { controlled } from '../strategies/drafters/controlled.js'
import type { Search } from '../strategies/search.js'
import type { Strategy } from '../strategies/strategy.js'
import { follow } from '../strategies/verifiers.js'
import { type Amateur, refuseBesideAmateur } from './amateur.js'
import type { Constraint } from './constraint.js'
import { type DraftingParts, draftingFor } from './drafting.js'

interface Parts extends DraftingParts {
  /** Decodes in place of greedy decoding and sampling. */
  readonly strategy?: Strategy | Search
  readonly amateur?: Amateur
  readonly holder?: Constraint
}

type Create = (config: GenerationConfig, parts: Parts) => Strategy | Search

const strategies: Record<GenerationMode, Create> = {
  greedy_search: drafted,
  sample: drafted,
  beam_search: beams,
  beam_sample: beams,
  group_beam_search: beams,
  constrained_beam_search: beams,
  contrastive_search: ({ penalty_alpha = 0, top_k }) =>
    contrastiveSearch({ penaltyAlpha: penalty_alpha, topK: top_k }),
  assisted_generation: drafted,
  // DoLa is in the model's scores: see DolaModel.
  dola_generation: drafted,
}

/** Greedy decoding or sampling, with drafts (HF's `_assisted_decoding`) or without. */
function drafted(config: GenerationConfig, parts: Parts): Strategy {
  const { createDrafter, createControl, verifier } = draftingFor(config, parts)
  const drafter = createDrafter && controlled(createDrafter, createControl)
  return draftVerify(
    parts.holder?.drafting(drafter) ?? drafter,
    verifier ?? follow(config.do_sample ? sampler() : argmax),
  )
}

function beams(config: GenerationConfig, { eosTokenIds }: Parts): Search {
  const { num_beams, num_beam_groups, diversity_penalty, length_penalty, early_stopping } = config
  const padToken = config.pad_token_id ?? eosTokenIds[0] ?? 0
  return beamSearch({
    numBeams: num_beams,
    lengthPenalty: length_penalty,
    earlyStopping: early_stopping,
    candidatesPerBeam: Math.max(2, 1 + eosTokenIds.length),
    select: config.do_sample ? drawWithoutReplacement : selectBest,
    ...(num_beam_groups > 1 && { groups: { count: num_beam_groups, penalty: diversity_penalty, padToken } }),
    ...(config.force_words_ids && { constraints: config.force_words_ids.map(alternatives) }),
  })
}

/** A word that must occur is one token sequence, or a list of those of which one will do. */
function alternatives(word: readonly number[] | readonly (readonly number[])[]): Alternatives {
  return word.every((item) => typeof item === 'number') ? [word] : (word as Alternatives)
}

/**
 * A strategy for what `config` asks for.
 * @throws UserError for a strategy or drafter of the user's in a mode that has no place for it
 */
export function strategyFor(config: GenerationConfig, parts: Parts): Strategy | Search {
  if (parts.amateur) refuseBesideAmateur(config)
  const mode = generationMode(config, parts.assistant !== undefined)
  if (parts.assistant && (mode !== 'assisted_generation' || config.prompt_lookup_num_tokens !== undefined)) {
    const other = mode === 'assisted_generation' ? 'prompt_lookup_num_tokens' : mode
    throw usageError(`The settings ask for ${other}, in which no assistant model takes part: leave one out.`)
  }
  if (parts.lookupCorpus && config.prompt_lookup_num_tokens === undefined) {
    throw usageError('A corpus is for prompt lookup: set prompt_lookup_num_tokens, or leave the corpus out.')
  }
  const own = parts.strategy ? 'strategy' : parts.createDrafter && 'drafter'
  const isBesideLookup = own === 'drafter' && config.prompt_lookup_num_tokens !== undefined
  const isServed = OPEN_MODES.includes(mode) || (isBesideLookup && mode === 'assisted_generation')
  if (own && !isServed) {
    throw usageError(`The settings ask for ${mode}, which a ${own} of your own cannot serve: leave one out.`)
  }
  return parts.strategy ?? strategies[mode](config, parts)
}
