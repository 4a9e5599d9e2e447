import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { requireSameVocabulary } from './assisted.js'
import { type LoadedDrafter, loadMedusa, loadMtp } from './heads.js'
import { type LanguageModel, loadModel } from './load-model.js'
import { type CostOptions, passCost, throughputControl } from './step-costs.js'

/** A drafter, and what a user would call it. */
export interface NamedDrafter extends LoadedDrafter {
  readonly name: string
}

/** Tokens of the longest chains, where their length is what pays. */
const MOST = { draft: 20, lookup: 24 }

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
  const free = { most: MOST.lookup, cost: () => 0 }
  return {
    options: {
      createDrafter: promptLookup({ numTokens: MOST.lookup, eosTokenIds }),
      createControl: await throughputControl(model, free, costs),
    },
    dispose: async () => {},
  }
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
  const { dtype, device } = target
  const draft = await loadModel(path, { dtype, device, threads: costs.threads })
  const vocabulary = ({ path, tokenizer, model }: LanguageModel) => ({
    path,
    tokenizer,
    vocabSize: model.vocabSize,
  })
  requireSameVocabulary(vocabulary(draft), vocabulary(target))
  const pass = await passCost(draft, costs)
  const cost = (nodes: number) => nodes * pass(1)
  const { eosTokenIds } = target.tokenizer
  return {
    options: {
      createDrafter: draftModel({ model: draft.model, numTokens: MOST.draft, eosTokenIds }),
      createControl: await throughputControl(target, { most: MOST.draft, cost }, costs),
    },
    dispose: () => draft.dispose(),
  }
}
