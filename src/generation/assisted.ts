import type { ConfigLayer, GenerationConfig, GenerationField } from '../config/index.js'
import { usageError } from '../errors.js'
import type { LanguageModel } from '../language-model/load.js'
import { vocabularyDifference } from '../language-model/vocabulary.js'
import type { Model } from '../model/model.js'
import { argmax, sampler } from '../strategies/choose.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { controlled } from '../strategies/drafters/controlled.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { draftTree } from '../strategies/drafters/draft-tree.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { reencoded } from '../strategies/drafters/reencoded.js'
import { retrieval } from '../strategies/drafters/retrieval.js'
import type { CreateDrafter, Strategy } from '../strategies/strategy.js'
import { INDEX_DEPTH, type SuffixIndex } from '../strategies/suffix-index.js'
import { follow, rejectionSample } from '../strategies/verifiers.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** A model that drafts for another one: HF's `assistant_model`. */
export type Assistant = Pick<LanguageModel, 'path' | 'model' | 'tokenizer'> & {
  /** Drafts a tree of so many nodes, `num_assistant_tokens` deep, in place of a chain. */
  readonly treeNodes?: number
}

/** An assistant, once it was held to its target. */
export type FittedAssistant = Assistant & {
  /** The target's, where its tokens are not the assistant's. */
  readonly reencodesFor?: Tokenizer
}

/** The fields that say where a chain ends; a tree ends where its best nodes do. */
const CHAIN_FIELDS = [
  'num_assistant_tokens_schedule',
  'assistant_confidence_threshold',
] as const satisfies readonly GenerationField[]

const LOOKBEHIND_FIELDS = [
  'assistant_lookbehind',
  'target_lookbehind',
] as const satisfies readonly GenerationField[]

/** The fields that say how an assistant drafts. */
export const ASSISTANT_FIELDS = ['num_assistant_tokens', ...CHAIN_FIELDS, ...LOOKBEHIND_FIELDS] as const

interface AssistedParts {
  readonly eosTokenIds: readonly number[]
  readonly assistant?: FittedAssistant
  /** Stands for the settings of draft length; drafts are deterministic with it. */
  readonly createControl?: CreateDraftControl
  /** Text that prompt lookup looks in, too. */
  readonly lookupCorpus?: SuffixIndex
}

/**
 * Greedy decoding or sampling with drafts (HF's `_assisted_decoding`). The text is that of greedy decoding, or distributed
 * as that of sampling; where no draft depends on chance it is the very same text for the same seed.
 */
export function assistedDecoding(
  config: GenerationConfig,
  { eosTokenIds, assistant, createControl, lookupCorpus }: AssistedParts,
): Strategy {
  const { do_sample: sampled } = config
  const choose = follow(sampled ? sampler() : argmax)
  if (!assistant) {
    if (config.assistant_early_exit !== undefined) {
      throw usageError(
        `assistant_early_exit needs the first layers of the model as its assistant: load them with layers: ${config.assistant_early_exit}.`,
      )
    }
    return draftVerify(controlled(lookup(config, eosTokenIds, lookupCorpus), createControl), choose)
  }
  const { model, tokenizer, treeNodes, reencodesFor } = assistant
  const { num_assistant_tokens: numTokens, assistant_lookbehind, target_lookbehind } = config
  if (treeNodes !== undefined) {
    return draftVerify(draftTree({ model, size: treeNodes, depth: numTokens, eosTokenIds }), choose)
  }
  if (createControl) {
    return draftVerify(controlled(draftModel({ model, numTokens, eosTokenIds }), createControl), choose)
  }
  const chains = {
    model,
    numTokens,
    adaptive: config.num_assistant_tokens_schedule !== 'constant',
    confidenceThreshold: config.assistant_confidence_threshold,
  }
  if (reencodesFor) {
    const createDrafter = reencoded({
      createDrafter: draftModel({ ...chains, eosTokenIds: tokenizer.eosTokenIds }),
      draft: { codec: tokenizer, lookbehind: assistant_lookbehind },
      target: { codec: reencodesFor, lookbehind: target_lookbehind },
    })
    return draftVerify(createDrafter, choose)
  }
  const createDrafter = draftModel({ ...chains, sampled, eosTokenIds })
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

/** @throws UserError for fields of the user's that say how an assistant drafts, where none does so */
export function refuseIdleFields(
  layers: readonly ConfigLayer[],
  assistant: FittedAssistant | undefined,
): void {
  const refuse = (fields: readonly GenerationField[], why: string) => {
    for (const { values, origin } of layers) {
      const field = fields.find((name) => values[name] !== undefined)
      if (field === undefined) continue
      throw usageError(`${field} in ${origin} has no effect ${why}, or leave it out.`)
    }
  }
  if (!assistant) refuse(ASSISTANT_FIELDS, 'without an assistant model: give one')
  if (assistant?.treeNodes !== undefined) refuse(CHAIN_FIELDS, 'on trees: draft chains')
  if (!assistant?.reencodesFor) {
    refuse(LOOKBEHIND_FIELDS, 'where the assistant model has the same tokens: give one with others')
  }
}

/** What of a model tells whether another one has the same tokens. */
type Speller = Pick<LanguageModel, 'path' | 'tokenizer'> & { readonly model: Pick<Model, 'vocabSize'> }

/** @throws UserError for trees of other tokens than the target's */
export function fitAssistant(assistant: Assistant, target: Speller): FittedAssistant {
  const difference = differenceOf(assistant, target)
  if (difference === undefined) return assistant
  if (assistant.treeNodes === undefined) return { ...assistant, reencodesFor: target.tokenizer }
  throw usageError(
    `${assistant.path} drafts no trees for ${target.path}, since ${difference}: draft chains, which are re-encoded.`,
  )
}

/** What the user is told where drafts are re-encoded. */
export function reencodingNotice(draft: Speller, target: Speller): string | undefined {
  const difference = differenceOf(draft, target)
  return difference && `Drafts of ${draft.path} are re-encoded for ${target.path}, since ${difference}.`
}

function differenceOf(draft: Speller, target: Speller): string | undefined {
  const [one, other] = [draft, target].map(({ model: { vocabSize }, tokenizer }) => ({
    vocabSize,
    tokenizer,
  }))
  return vocabularyDifference(one, other)
}
