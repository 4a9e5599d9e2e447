import type { LanguageModel } from '../language-model/load.js'
import { tokenRecycling } from '../strategies/drafters/token-recycling.js'
import { type DraftSettings, withLookup } from './draft-options.js'
import type { LoadedDrafter } from './drafter.js'
import { type CostOptions, throughputControl } from './step-costs.js'

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
