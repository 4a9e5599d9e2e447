import { usageError } from '../errors.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { retrieval } from '../strategies/drafters/retrieval.js'
import { INDEX_DEPTH, type SuffixIndex } from '../strategies/suffix-index.js'
import type { CreateDrafter, Strategy } from '../strategies/types.js'
import { follow, rejectionSample } from '../strategies/verifiers.js'
import { best, sampler } from './choose.js'
import type { ConfigLayer, GenerationConfig, GenerationField } from './config.js'
import type { LanguageModel } from './load-model.js'

/** A model that drafts for another one: HF's `assistant_model`. */
export type Assistant = Pick<LanguageModel, 'path' | 'model' | 'tokenizer'>

/** The fields that say how an assistant drafts. */
export const ASSISTANT_FIELDS = [
  'num_assistant_tokens',
  'num_assistant_tokens_schedule',
  'assistant_confidence_threshold',
] as const satisfies readonly GenerationField[]

interface AssistedParts {
  readonly eosTokenIds: readonly number[]
  readonly assistant?: Assistant
  /** Stands for the settings of draft length; drafts are deterministic with it. */
  readonly createControl?: CreateDraftControl
  /** Text that prompt lookup looks in, too. */
  readonly lookupCorpus?: SuffixIndex
}

/**
 * Greedy decoding or sampling with drafts (HF's `_assisted_decoding`). The text is that of greedy decoding, or distributed
 * as that of sampling; with prompt lookup it is the very same text for the same seed.
 */
export function assistedDecoding(
  config: GenerationConfig,
  { eosTokenIds, assistant, createControl, lookupCorpus }: AssistedParts,
): Strategy {
  const { do_sample: sampled } = config
  const choose = follow(sampled ? sampler() : best)
  if (!assistant) {
    if (config.assistant_early_exit !== undefined) {
      throw usageError(
        `assistant_early_exit needs the first layers of the model as its assistant: load them with layers: ${config.assistant_early_exit}.`,
      )
    }
    return draftVerify(lookup(config, eosTokenIds, lookupCorpus), choose, createControl)
  }
  const { model } = assistant
  const { num_assistant_tokens: numTokens } = config
  if (createControl) return draftVerify(draftModel({ model, numTokens, eosTokenIds }), choose, createControl)
  const createDrafter = draftModel({
    model,
    numTokens,
    adaptive: config.num_assistant_tokens_schedule !== 'constant',
    confidenceThreshold: config.assistant_confidence_threshold,
    sampled,
    eosTokenIds,
  })
  return draftVerify(createDrafter, sampled ? rejectionSample() : choose)
}

/** Looks in the sequence, and in a corpus where there is one. */
function lookup(
  { prompt_lookup_num_tokens, max_matching_ngram_size: maxNgram }: GenerationConfig,
  eosTokenIds: readonly number[],
  corpus: SuffixIndex | undefined,
): CreateDrafter {
  const options = { numTokens: prompt_lookup_num_tokens!, maxNgram, eosTokenIds }
  if (!corpus) return promptLookup(options)
  if (maxNgram !== undefined && maxNgram > INDEX_DEPTH) {
    throw usageError(
      `max_matching_ngram_size is ${maxNgram}, but a corpus is searched for ${INDEX_DEPTH} tokens at most.`,
    )
  }
  return retrieval({ ...options, corpus })
}

/** @throws UserError for fields of the user's that say how an assistant drafts, where there is none */
export function refuseWithoutAssistant(layers: readonly ConfigLayer[]): void {
  for (const { values, origin } of layers) {
    const field = ASSISTANT_FIELDS.find((name) => values[name] !== undefined)
    if (field === undefined) continue
    throw usageError(
      `${field} in ${origin} has no effect without an assistant model: give one, or leave it out.`,
    )
  }
}

/** @throws UserError where a draft's tokens are not its target's */
export function requireSameVocabulary(
  draft: Pick<LanguageModel, 'path' | 'tokenizer'> & { readonly vocabSize: number },
  target: Pick<LanguageModel, 'path' | 'tokenizer'> & { readonly vocabSize: number },
): void {
  const refuse = (difference: string) => {
    throw usageError(
      `${draft.path} is no draft for ${target.path}, since ${difference}: a draft needs its target's vocabulary.`,
    )
  }
  const [own, other] = [draft.vocabSize, target.vocabSize]
  if (own !== other) refuse(`one has ${own} tokens and the other ${other}`)
  for (let id = 0; id < own; id++) {
    const [token, wanted] = [draft, target].map(({ tokenizer }) => tokenizer.idToToken(id))
    if (token !== wanted) {
      refuse(`token ${id} is ${JSON.stringify(token)} in one and ${JSON.stringify(wanted)} in the other`)
    }
  }
}
