import { PLAIN_MODES } from '../config/mode.js'
import type { LanguageModel } from '../language-model/load.js'
import {
  type DraftContext,
  findFiles,
  hostBeside,
  type LoadedDrafter,
  type OwnValues,
  requireFiles,
} from './drafter.js'
import type { CostOptions } from './step-costs.js'
import { type Drafts, type StrategyName, type StrategyRow, strategies } from './table.js'

/** A drafter, and what a user would call it. */
export interface NamedDrafter extends LoadedDrafter {
  readonly name: string
}

/** Drafters by what they gain; prompt lookup, which every model can serve, goes beside the others. */
export const BEST_FIRST = ['medusa', 'mtp', 'speculative', 'lookup'] as const satisfies StrategyName[]

/** The drafter that a model can serve best, and its own fields with what was found. */
export async function bestDrafter(
  model: LanguageModel,
  own: (name: StrategyName) => OwnValues = () => ({}),
): Promise<{ name: StrategyName; own: OwnValues }> {
  for (const name of BEST_FIRST) {
    const { files } = drafts(name)
    const found = files && (await findFiles(files, { model, own: own(name) }))
    if (found !== undefined) return { name, own: { ...own(name), [files!.field]: found, lookup: true } }
  }
  return { name: 'lookup', own: own('lookup') }
}

/**
 * The best drafters that a model can serve: prompt lookup, which every model can, and beside it Medusa heads, MTP modules or a draft model
 * in the directories `medusa`, `mtp` and `draft` of its own. The text is that of plain decoding, and drafts are as long as pays.
 * @throws UserError as `loadMedusa`, `loadMtp` and `loadModel`
 */
export async function autoDrafter(model: LanguageModel, costs: CostOptions): Promise<NamedDrafter> {
  const { name, own } = await bestDrafter(model)
  const { files } = drafts(name)
  const beside = files ? ` and ${files.name}` : ''
  return { ...(await loadAlone(drafts(name), model, own, costs)), name: `prompt lookup${beside}` }
}

/** Loads what drafts for a row. @throws UserError as `requireFiles` and its loader */
export async function loadDrafter({ files, load }: Drafts, context: DraftContext): Promise<LoadedDrafter> {
  return load(context, files ? await requireFiles(files, context) : '')
}

/** Loads a drafter that no settings say anything of: it drafts as much as pays. */
export function loadAlone(
  drafts: Drafts,
  model: LanguageModel,
  own: OwnValues,
  costs: CostOptions,
): Promise<LoadedDrafter> {
  const load = drafts.alone ?? drafts.load
  return loadDrafter({ ...drafts, load }, { model, own, costs, pays: true, host: hostBeside(model, costs) })
}

function drafts(name: StrategyName): Drafts {
  return strategies[name].drafts!
}

/** The choice left to us. */
export const AUTO: StrategyRow = {
  summary: 'the best drafter that the model can serve',
  fixed: { num_beams: 1 },
  modes: PLAIN_MODES,
  drafts: { load: ({ model, costs }) => autoDrafter(model, costs) },
}
