import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { type LoadedDrafter, loadMedusa, loadMtp } from './heads.js'
import { type LanguageModel, loadModel, placementOf } from './load-model.js'
import { type CostOptions, randomDrafts, throughputControl } from './step-costs.js'
import { MOST_LOOKED_UP } from './strategy-kinds.js'
import { vocabularyDifference } from './vocabulary.js'

/** A drafter, and what a user would call it. */
export interface NamedDrafter extends LoadedDrafter {
  readonly name: string
}

/** Tokens of the longest chains of a draft model, where their length is what pays. */
export const MOST_DRAFTED = 20

/**
 * The best drafter that a model can serve: Medusa heads, MTP modules or a draft model in the directories `medusa`, `mtp` and `draft` of
 * its own, and else prompt lookup, which every model can. Its text is that of plain decoding, and drafts are as long as pays.
 * @throws UserError as `loadMedusa`, `loadMtp` and `loadModel`
 */
export async function autoDrafter(model: LanguageModel, costs: CostOptions): Promise<NamedDrafter> {
  const medusa = await drafterBeside(model, 'medusa')
  if (medusa) return { name: 'Medusa heads', ...(await loadMedusa(medusa, model, costs)) }
  const mtp = await drafterBeside(model, 'mtp')
  if (mtp) return { name: 'multi-token prediction', ...(await loadMtp(mtp, model, costs)) }
  const draft = await drafterBeside(model, 'draft')
  if (draft) return { name: 'a draft model', ...(await loadDraft(draft, model, costs)) }
  return { name: 'prompt lookup', ...(await loadLookup(model, costs)) }
}

/** The directory of a drafter in that of its model, where there is one. */
export function drafterBeside(
  { path }: Pick<LanguageModel, 'path'>,
  name: 'medusa' | 'mtp' | 'draft',
): Promise<string | undefined> {
  const directory = join(path, name)
  return stat(join(directory, 'config.json')).then(
    () => directory,
    () => undefined,
  )
}

/** Prompt lookup with chains as long as pays. */
export async function loadLookup(model: LanguageModel, costs: CostOptions): Promise<LoadedDrafter> {
  const { eosTokenIds } = model.tokenizer
  return {
    options: {
      createDrafter: promptLookup({ numTokens: MOST_LOOKED_UP, eosTokenIds }),
      createControl: await lookupControl(model, costs),
    },
    dispose: async () => {},
  }
}

/** A search of the text takes no time to speak of. */
export function lookupControl(model: LanguageModel, costs: CostOptions): Promise<CreateDraftControl> {
  return throughputControl(model, randomDrafts(model.model, MOST_LOOKED_UP), costs)
}

/**
 * A draft model with chains as long as pays.
 * @throws UserError as `loadModel`, and for a model with other tokens
 */
export async function loadDraft(
  path: string,
  target: LanguageModel,
  costs: CostOptions,
): Promise<LoadedDrafter> {
  const draft = await loadModel(path, { dtype: target.dtype, ...placementOf(target), threads: costs.threads })
  const [own, other] = [draft, target].map(({ tokenizer, model }) => ({
    tokenizer,
    vocabSize: model.vocabSize,
  }))
  const difference = vocabularyDifference(own, other)
  if (difference !== undefined) {
    throw usageError(
      `${path} is no draft for ${target.path}, since ${difference}: a draft needs its target's vocabulary.`,
    )
  }
  const { eosTokenIds } = target.tokenizer
  return {
    options: {
      createDrafter: draftModel({ model: draft.model, numTokens: MOST_DRAFTED, eosTokenIds }),
      createControl: await draftControl(target, draft, MOST_DRAFTED, costs),
    },
    dispose: () => draft.dispose(),
  }
}

/** The control of a draft model's chains, of `most` tokens at most. */
export function draftControl(
  target: LanguageModel,
  { model, spec, dtype }: LanguageModel,
  most: number,
  costs: CostOptions,
): Promise<CreateDraftControl> {
  const createDrafter = draftModel({ model, numTokens: most })
  return throughputControl(target, { subject: { draft: spec, dtype }, createDrafter, most }, costs)
}
