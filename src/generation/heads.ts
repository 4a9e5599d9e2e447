import { UserError } from '../errors.js'
import { type HeadKind, readHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import { MEDUSA, MTP } from '../heads/kinds.js'
import { moduleName } from '../models/heads/mtp.js'
import { EMBEDDING, headName } from '../models/parameters.js'
import { MedusaHeads } from '../runtime/medusa-heads.js'
import { OnnxMtpModule } from '../runtime/mtp-module.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { type MedusaOptions, medusa } from '../strategies/drafters/medusa.js'
import { mtp } from '../strategies/drafters/mtp.js'
import { type TypicalAcceptanceOptions, typicalAcceptance } from '../strategies/verifiers.js'
import type { Weights } from '../weights/index.js'
import type { GenerateOptions } from './generate.js'
import { type LanguageModel, openModel } from './load-model.js'

/** What drafts, as options of `generate`, and what it holds meanwhile. */
export interface LoadedDrafter {
  readonly options: Pick<GenerateOptions, 'strategy' | 'createDrafter' | 'lookupCorpus'>
  dispose(): Promise<void>
}

interface HeadSettings {
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
}

export interface MedusaSettings extends HeadSettings {
  /** The number of nodes, or Medusa's `medusa_choices`. */
  readonly tree: MedusaOptions['tree']
  /** Accepts what is probable enough in place of what the model itself would have chosen: lossy. */
  readonly typical?: TypicalAcceptanceOptions
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
  const { spec, weights } = await openHeads(directory, MEDUSA, model)
  const heads = await MedusaHeads.create(model.spec, spec, weights, { device: model.device, threads })
  const createDrafter = medusa({ heads: (hidden) => heads.candidates(hidden), tree })
  return {
    options: typical
      ? { strategy: draftVerify(createDrafter, typicalAcceptance(typical)) }
      : { createDrafter },
    dispose: () => heads.dispose(),
  }
}

export interface MtpSettings extends HeadSettings {
  /** Tokens to draft at a time; by default as many as the modules were trained for. */
  readonly depth?: number
}

/**
 * Loads the modules of multi-token prediction in a directory for a model.
 * @throws UserError for files that are missing or damaged, modules for another model, and parallel heads
 */
export async function loadMtp(
  directory: string,
  model: LanguageModel,
  { depth, threads }: MtpSettings,
): Promise<LoadedDrafter> {
  const { spec, weights } = await openHeads(directory, MTP, model)
  if (spec.parallel) {
    throw new UserError(
      `${directory} holds parallel heads, which do not decode yet: train a chain of modules.`,
    )
  }
  const options = { device: model.device, threads }
  const modules = await Promise.all(
    Array.from({ length: spec.modules }, (_, index) => {
      const module = { name: moduleName(model.spec, index), hiddenStatesFirst: spec.hiddenStatesFirst }
      return OnnxMtpModule.create(model.spec, module, weights, options)
    }),
  )
  const { eosTokenIds } = model.tokenizer
  return {
    options: { createDrafter: mtp({ modules, depth: depth ?? spec.depth, eosTokenIds }) },
    dispose: async () => {
      await Promise.all(modules.map((module) => module.dispose()))
    },
  }
}

/** Heads, and beside their weights what they share with their target: the embedding and the vocabulary matrix. */
async function openHeads<Spec>(
  directory: string,
  kind: HeadKind<Spec>,
  { path, spec }: LanguageModel,
): Promise<{ spec: Spec; weights: Weights }> {
  const { store } = await openModel(path)
  try {
    const weights: Weights = new Map()
    for (const name of new Set([EMBEDDING, 'model.norm.weight', headName(spec)])) {
      weights.set(name, await store.read(name))
    }
    const heads = await readHeads(directory, kind, { path, spec, fingerprint: fingerprintOf(spec, weights) })
    for (const [name, values] of heads.weights) weights.set(name.slice(kind.prefix.length), values)
    return { spec: heads.spec, weights }
  } finally {
    await store.close()
  }
}
