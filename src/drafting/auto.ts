import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { type LanguageModel, loadModel, placementOf } from '../language-model/load.js'
import { vocabularyDifference } from '../language-model/vocabulary.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { tokenRecycling } from '../strategies/drafters/token-recycling.js'
import { type DraftSettings, draftOptions, lookupControl, withLookup } from './draft-options.js'
import { type LoadedDrafter, loadMedusa, loadMtp } from './heads.js'
import { type CostOptions, type MeasuredDrafter, throughputControl } from './step-costs.js'
import { MOST_LOOKED_UP } from './strategy-kinds.js'

/** A drafter, and what a user would call it. */
export interface NamedDrafter extends LoadedDrafter {
  readonly name: string
}

/** Tokens of the longest chains of a draft model, where their length is what pays. */
export const MOST_DRAFTED = 20

/**
 * The best drafters that a model can serve: prompt lookup, which every model can, and beside it Medusa heads, MTP modules or a draft model
 * in the directories `medusa`, `mtp` and `draft` of its own. The text is that of plain decoding, and drafts are as long as pays.
 * @throws UserError as `loadMedusa`, `loadMtp` and `loadModel`
 */
export async function autoDrafter(model: LanguageModel, costs: CostOptions): Promise<NamedDrafter> {
  const settings = { ...costs, lookup: true }
  const medusa = await drafterBeside(model, 'medusa')
  if (medusa)
    return { name: 'prompt lookup and Medusa heads', ...(await loadMedusa(medusa, model, settings)) }
  const mtp = await drafterBeside(model, 'mtp')
  if (mtp) return { name: 'prompt lookup and MTP modules', ...(await loadMtp(mtp, model, settings)) }
  const draft = await drafterBeside(model, 'draft')
  if (draft) return { name: 'prompt lookup and a draft model', ...(await loadDraft(draft, model, settings)) }
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

/** Most nodes of a tree of recycled tokens (the paper has 80), and most tokens of a path. */
const RECYCLED = { size: 80, depth: 12 }

/** Token recycling with trees as large as pays; sequences go on with what earlier ones have left. */
export async function loadRecycling(
  model: LanguageModel,
  settings: Pick<DraftSettings, 'lookup'> & CostOptions,
): Promise<LoadedDrafter> {
  const options = { ...RECYCLED, eosTokenIds: model.tokenizer.eosTokenIds }
  // Measuring leaves nothing behind.
  const measured = { subject: 'recycling', createDrafter: tokenRecycling(options), most: RECYCLED.size }
  const createControl = await throughputControl(model, measured, settings)
  const createDrafter = tokenRecycling({ ...options, successors: new Map() })
  return {
    options: await withLookup(model, { createDrafter, createControl }, settings),
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
  settings: DraftSettings,
): Promise<LoadedDrafter> {
  const { threads } = settings
  const draft = await loadModel(path, { dtype: target.dtype, ...placementOf(target), threads })
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
  const drafter = measuredDraft(draft, MOST_DRAFTED, eosTokenIds)
  return { options: await draftOptions(target, drafter, settings), dispose: () => draft.dispose() }
}

/** The control of a draft model's chains, of `most` tokens at most. */
export function draftControl(
  target: LanguageModel,
  draft: LanguageModel,
  most: number,
  costs: CostOptions,
): Promise<CreateDraftControl> {
  return throughputControl(target, measuredDraft(draft, most), costs)
}

function measuredDraft(
  { model, spec, dtype }: LanguageModel,
  most: number,
  eosTokenIds?: readonly number[],
): MeasuredDrafter {
  const createDrafter = draftModel({ model, numTokens: most, eosTokenIds })
  return { subject: { draft: spec, dtype }, createDrafter, most }
}
