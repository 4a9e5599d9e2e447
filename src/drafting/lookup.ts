import type { LanguageModel } from '../language-model/load.js'
import { MOST_LOOKED_UP } from '../strategies/drafters/beside-lookup.js'
import { promptLookup } from '../strategies/drafters/prompt-lookup.js'
import { lookupControl } from './draft-options.js'
import type { DraftContext, LoadedDrafter } from './drafter.js'
import type { CostOptions } from './step-costs.js'

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

/** Prompt lookup by HF's settings, in other files as well where there are some. */
export async function loadLookupBySettings(context: DraftContext): Promise<LoadedDrafter> {
  const { model, own, costs, pays, host } = context
  const files = own.corpus === undefined ? undefined : ([own.corpus].flat() as string[])
  return {
    options: {
      lookupCorpus: files && (await host.openCorpus(files, model.tokenizer)),
      createControl: pays ? await lookupControl(model, costs) : undefined,
    },
    dispose: async () => {},
  }
}
