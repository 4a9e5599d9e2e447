import type { ConfigLayer, GenerationConfig, GenerationField } from '../config/index.js'
import { usageError } from '../errors.js'
import type { LanguageModel } from '../language-model/load.js'
import { vocabularyDifference } from '../language-model/vocabulary.js'
import type { Model } from '../model/model.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { draftTree } from '../strategies/drafters/draft-tree.js'
import { reencoded } from '../strategies/drafters/reencoded.js'
import type { Drafting } from '../strategies/drafting.js'
import { rejectionSample } from '../strategies/verifiers.js'
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

/**
 * Drafts of a model: a chain of its greedy choices, or drawn where the target samples (speculative sampling), a tree, or text that is
 * re-encoded.
 * @param createControl stands for the settings of draft length; chains are deterministic with it
 */
export function assistantDrafting(
  config: GenerationConfig,
  { model, tokenizer, treeNodes, reencodesFor }: FittedAssistant,
  eosTokenIds: readonly number[],
  createControl?: CreateDraftControl,
): Drafting {
  const { do_sample: sampled, num_assistant_tokens: numTokens } = config
  if (treeNodes !== undefined) {
    return { createDrafter: draftTree({ model, size: treeNodes, depth: numTokens, eosTokenIds }) }
  }
  if (createControl) return { createDrafter: draftModel({ model, numTokens, eosTokenIds }), createControl }
  const chains = {
    model,
    numTokens,
    adaptive: config.num_assistant_tokens_schedule !== 'constant',
    confidenceThreshold: config.assistant_confidence_threshold,
  }
  if (!reencodesFor) {
    const createDrafter = draftModel({ ...chains, sampled, eosTokenIds })
    return { createDrafter, ...(sampled && { verifier: rejectionSample() }) }
  }
  const { assistant_lookbehind, target_lookbehind } = config
  return {
    createDrafter: reencoded({
      createDrafter: draftModel({ ...chains, eosTokenIds: tokenizer.eosTokenIds }),
      draft: { codec: tokenizer, lookbehind: assistant_lookbehind },
      target: { codec: reencodesFor, lookbehind: target_lookbehind },
    }),
  }
}

/** @throws UserError for fields that a layer sets, but that have no effect */
export function refuseFields(
  layers: readonly ConfigLayer[],
  fields: readonly GenerationField[],
  why: string,
): void {
  for (const { values, origin } of layers) {
    const field = fields.find((name) => values[name] !== undefined)
    if (field === undefined) continue
    throw usageError(`${field} in ${origin} has no effect ${why}, or leave it out.`)
  }
}

/** @throws UserError for fields of the user's that say how an assistant drafts, where none does so */
export function refuseIdleFields(
  layers: readonly ConfigLayer[],
  assistant: FittedAssistant | undefined,
): void {
  const refuse = (fields: readonly GenerationField[], why: string) => refuseFields(layers, fields, why)
  if (!assistant) refuse(ASSISTANT_FIELDS, 'without an assistant model: give one')
  if (assistant?.treeNodes !== undefined) refuse(CHAIN_FIELDS, 'on trees: draft chains')
  if (!assistant?.reencodesFor) {
    refuse(LOOKBEHIND_FIELDS, 'where the assistant model has the same tokens: give one with others')
  }
}

/** What of a model tells whether another one has the same tokens. */
export type Speller = Pick<LanguageModel, 'path' | 'tokenizer'> & { readonly model: Pick<Model, 'vocabSize'> }

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

/** How the tokens of two models differ, as a clause; undefined where they are the same. */
export function differenceOf(draft: Speller, target: Speller): string | undefined {
  const [one, other] = [draft, target].map(({ model: { vocabSize }, tokenizer }) => ({
    vocabSize,
    tokenizer,
  }))
  return vocabularyDifference(one, other)
}
