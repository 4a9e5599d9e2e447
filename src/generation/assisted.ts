import { usageError } from '../errors.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { draftTree } from '../strategies/drafters/draft-tree.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import type { Strategy } from '../strategies/types.js'
import { follow, rejectionSample } from '../strategies/verifiers.js'
import { best, sampler } from './choose.js'
import type { ConfigLayer, GenerationConfig, GenerationField } from './config.js'
import type { LanguageModel } from './load-model.js'

/** A model that drafts for another one: HF's `assistant_model`. */
export type Assistant = Pick<LanguageModel, 'path' | 'model' | 'tokenizer'> & {
  /** Drafts a tree of so many nodes, `num_assistant_tokens` deep, in place of a chain. */
  readonly treeNodes?: number
}

/** The fields that say where a chain ends; a tree ends where its best nodes do. */
const CHAIN_FIELDS = [
  'num_assistant_tokens_schedule',
  'assistant_confidence_threshold',
] as const satisfies readonly GenerationField[]

/** The fields that say how an assistant drafts. */
const ASSISTANT_FIELDS = ['num_assistant_tokens', ...CHAIN_FIELDS] as const

/**
 * Greedy decoding or sampling with drafts (HF's `_assisted_decoding`). The text is that of greedy decoding, or distributed
 * as that of sampling; with prompt lookup and trees it is the very same text for the same seed.
 */
export function assistedDecoding(
  config: GenerationConfig,
  { eosTokenIds, assistant }: { eosTokenIds: readonly number[]; assistant?: Assistant },
): Strategy {
  const { do_sample: sampled } = config
  const choose = follow(sampled ? sampler() : best)
  if (!assistant) {
    if (config.assistant_early_exit !== undefined) {
      throw usageError(
        `assistant_early_exit needs the first layers of the model as its assistant: load them with layers: ${config.assistant_early_exit}.`,
      )
    }
    const { prompt_lookup_num_tokens: numTokens, max_matching_ngram_size: maxNgram } = config
    return draftVerify(promptLookup({ numTokens: numTokens!, maxNgram, eosTokenIds }), choose)
  }
  const { model, treeNodes } = assistant
  const { num_assistant_tokens: numTokens } = config
  if (treeNodes !== undefined) {
    return draftVerify(draftTree({ model, size: treeNodes, depth: numTokens, eosTokenIds }), choose)
  }
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

/** @throws UserError for fields of the user's that say how an assistant drafts, where none does so */
export function refuseIdleFields(layers: readonly ConfigLayer[], assistant: Assistant | undefined): void {
  const refuse = (fields: readonly GenerationField[], why: string) => {
    for (const { values, origin } of layers) {
      const field = fields.find((name) => values[name] !== undefined)
      if (field === undefined) continue
      throw usageError(`${field} in ${origin} has no effect ${why}, or leave it out.`)
    }
  }
  if (!assistant) refuse(ASSISTANT_FIELDS, 'without an assistant model: give one')
  else if (assistant.treeNodes !== undefined) refuse(CHAIN_FIELDS, 'on trees: draft chains')
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
