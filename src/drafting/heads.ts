import { usageError } from '../errors.js'
import { type HeadKind, readHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import { MEDUSA, MTP } from '../heads/kinds.js'
import { type LanguageModel, type ModelLocation, openModel, placementOf } from '../language-model/load.js'
import { requireGraph } from '../language-model/own-graph.js'
import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import { type MtpSpec, moduleName } from '../models/heads/mtp.js'
import { EMBEDDING, headName } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { createMedusaHeads } from '../runtime/medusa-heads.js'
import { OnnxMtpModule } from '../runtime/mtp-module.js'
import { OnnxParallelHeads } from '../runtime/parallel-heads.js'
import type { SessionOptions } from '../runtime/session.js'
import { WIDTH } from '../strategies/drafters/likeliest-tree.js'
import { type MedusaOptions, medusa } from '../strategies/drafters/medusa.js'
import { mtp, parallelMtp } from '../strategies/drafters/mtp.js'
import { type TypicalAcceptanceOptions, typicalAcceptance } from '../strategies/verifiers.js'
import type { Weights } from '../weights/index.js'
import { type DraftSettings, draftOptions } from './draft-options.js'
import type { LoadedDrafter } from './drafter.js'
import type { CostOptions } from './step-costs.js'

/** Nodes of the largest tree of Medusa's heads, and of the longest chain of MTP modules, where the size is what pays. */
const MOST = { medusa: 48, mtp: 8 }
/** Nodes under typical acceptance, where the text depends on them: what pays depends on the machine. */
const TYPICAL_NODES = 16

interface HeadSettings extends CostOptions, Pick<DraftSettings, 'lookup'> {}

export interface MedusaSettings extends HeadSettings {
  /** The number of nodes, or Medusa's `medusa_choices`; by default as many nodes as pay. */
  readonly tree?: MedusaOptions['tree']
  /** Accepts what is probable enough in place of what the model itself would have chosen: lossy, and without lookup. */
  readonly typical?: TypicalAcceptanceOptions
}

/**
 * Loads the Medusa heads in a directory for a model.
 * @throws UserError for files that are missing or damaged, and heads for another model
 */
export async function loadMedusa(
  directory: string,
  model: LanguageModel,
  { typical, tree = typical && TYPICAL_NODES, ...settings }: MedusaSettings,
): Promise<LoadedDrafter> {
  const shape = requireGraph(model, 'Medusa heads need its hidden states and weights')
  const { spec, weights } = await openHeads(directory, MEDUSA, model, shape)
  const heads = await createMedusaHeads(shape, spec, weights, beside(model, settings))
  const createDrafter = medusa({
    heads: (hidden) => heads.guesses(hidden),
    tree: tree ?? MOST.medusa,
    // Independent heads have run by then.
    width: spec.sequential ? WIDTH : undefined,
  })
  const drafter = { subject: { medusa: spec }, createDrafter, most: MOST.medusa }
  return {
    options: typical
      ? { createDrafter, verifier: typicalAcceptance(typical) }
      : await draftOptions(model, drafter, { ...settings, isFixed: tree !== undefined }),
    dispose: () => heads.dispose(),
  }
}

export interface MtpSettings extends HeadSettings {
  /** Tokens to draft at a time; by default as many as pay, of parallel heads one each at most. */
  readonly depth?: number
}

/**
 * Loads the modules of multi-token prediction in a directory for a model, or its parallel heads.
 * @throws UserError for files that are missing or damaged, modules for another model, and more tokens than parallel heads
 */
export async function loadMtp(
  directory: string,
  model: LanguageModel,
  settings: MtpSettings,
): Promise<LoadedDrafter> {
  const shape = requireGraph(model, 'MTP modules need its hidden states and weights')
  const heads = await openHeads(directory, MTP, model, shape)
  const target = { ...model, spec: shape }
  return heads.spec.parallel
    ? loadParallelHeads(directory, target, heads, settings)
    : loadModules(target, heads, settings)
}

/** A model with a graph of our own. */
type OwnModel = LanguageModel & { readonly spec: DecoderSpec }

async function loadParallelHeads(
  directory: string,
  model: OwnModel,
  { spec, weights }: OpenHeads<MtpSpec>,
  { depth, ...settings }: MtpSettings,
): Promise<LoadedDrafter> {
  const count = depth ?? spec.modules
  if (count > spec.modules) {
    throw usageError(
      `${directory} holds ${spec.modules} parallel heads, each for one token: a draft of ${count} needs as many.`,
    )
  }
  const { tokenizer } = model
  const heads = await OnnxParallelHeads.create(model.spec, count, spec, weights, beside(model, settings))
  const createDrafter = parallelMtp({
    heads,
    draftTokens: spec.draftTokens,
    eosTokenIds: tokenizer.eosTokenIds,
  })
  const drafter = { subject: { mtp: spec }, createDrafter, most: count }
  return {
    options: await draftOptions(model, drafter, { ...settings, isFixed: depth !== undefined }),
    dispose: () => heads.dispose(),
  }
}

async function loadModules(
  model: OwnModel,
  { spec, weights }: OpenHeads<MtpSpec>,
  { depth, ...settings }: MtpSettings,
): Promise<LoadedDrafter> {
  const options = beside(model, settings)
  const modules = await Promise.all(
    Array.from({ length: spec.modules }, (_, index) => {
      const { hiddenStatesFirst, draftTokens } = spec
      const module = { name: moduleName(model.spec, index), hiddenStatesFirst, draftTokens }
      return OnnxMtpModule.create(model.spec, module, weights, options)
    }),
  )
  const { eosTokenIds } = model.tokenizer
  const createDrafter = mtp({ modules, depth: depth ?? MOST.mtp, draftTokens: spec.draftTokens, eosTokenIds })
  const drafter = { subject: { mtp: spec }, createDrafter, most: MOST.mtp }
  return {
    options: await draftOptions(model, drafter, { ...settings, isFixed: depth !== undefined }),
    dispose: async () => {
      await Promise.all(modules.map((module) => module.dispose()))
    },
  }
}

/** Heads run where their target does. */
function beside(model: LanguageModel, { threads }: CostOptions): SessionOptions {
  return { ...placementOf(model), threads }
}

interface OpenHeads<Spec> {
  readonly spec: Spec
  /** Beside the heads' own what they share with their target: the embedding, the final norm and the vocabulary matrix. */
  readonly weights: Weights
}

async function openHeads<Spec extends DraftVocabulary>(
  directory: string,
  kind: HeadKind<Spec>,
  { path, adapter }: ModelLocation,
  spec: DecoderSpec,
): Promise<OpenHeads<Spec>> {
  const { store } = await openModel({ path, adapter })
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
