import { readHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import { MEDUSA } from '../heads/kinds.js'
import { EMBEDDING, headName } from '../models/parameters.js'
import { MedusaHeads } from '../runtime/medusa-heads.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { type MedusaOptions, medusa } from '../strategies/drafters/medusa.js'
import { type TypicalAcceptanceOptions, typicalAcceptance } from '../strategies/verifiers.js'
import type { Weights } from '../weights/index.js'
import type { GenerateOptions } from './generate.js'
import { type LanguageModel, openModel } from './load-model.js'

export interface MedusaSettings {
  /** The number of nodes, or Medusa's `medusa_choices`. */
  readonly tree: MedusaOptions['tree']
  /** Accepts what is probable enough in place of what the model itself would have chosen: lossy. */
  readonly typical?: TypicalAcceptanceOptions
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
}

/** What drafts, as options of `generate`, and what it holds meanwhile. */
export interface LoadedDrafter {
  readonly options: Pick<GenerateOptions, 'strategy' | 'createDrafter'>
  dispose(): Promise<void>
}

/**
 * Loads the Medusa heads in a directory for a model.
 * @throws UserError for files that are missing or damaged, and heads for another model
 */
export async function loadMedusa(
  directory: string,
  model: LanguageModel,
  { tree, typical, threads }: MedusaSettings,
): Promise<LoadedDrafter> {
  const heads = await openHeads(directory, model, threads)
  const createDrafter = medusa({ heads: (hidden) => heads.candidates(hidden), tree })
  return {
    options: typical
      ? { strategy: draftVerify(createDrafter, typicalAcceptance(typical)) }
      : { createDrafter },
    dispose: () => heads.dispose(),
  }
}

async function openHeads(
  directory: string,
  { path, spec, device }: LanguageModel,
  threads: number | undefined,
): Promise<MedusaHeads> {
  const { store } = await openModel(path)
  try {
    // What the fingerprint looks at, and the vocabulary matrix.
    const weights: Weights = new Map()
    for (const name of new Set([EMBEDDING, 'model.norm.weight', headName(spec)])) {
      weights.set(name, await store.read(name))
    }
    const target = { path, spec, fingerprint: fingerprintOf(spec, weights) }
    const heads = await readHeads(directory, MEDUSA, target)
    for (const [name, values] of heads.weights) weights.set(name.slice(MEDUSA.prefix.length), values)
    return await MedusaHeads.create(spec, heads.spec, weights, { device, threads })
  } finally {
    await store.close()
  }
}
