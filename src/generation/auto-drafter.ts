import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { type LoadedDrafter, loadMedusa, loadMtp } from './heads.js'
import { type LanguageModel, loadModel } from './load-model.js'
import { type CostOptions, passCost, throughputControl } from './step-costs.js'
import { vocabularyDifference } from './vocabulary.js'

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
  const part = (name: string) => join(model.path, name)
  const has = (name: string) =>
    stat(join(part(name), 'config.json')).then(
      () => true,
      () => false,
    )
  if (await has('medusa'))
    return { name: 'Medusa heads', ...(await loadMedusa(part('medusa'), model, costs)) }
  if (await has('mtp')) {
    return { name: 'multi-token prediction', ...(await loadMtp(part('mtp'), model, costs)) }
  }
  if (await has('draft')) return { name: 'a draft model', ...(await loadDraft(part('draft'), model, costs)) }
  return { name: 'prompt lookup', ...(await loadLookup(model, costs)) }
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
