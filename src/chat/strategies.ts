import type { GenerationConfig, GenerationField } from '../config/index.js'
import type { GenerationMode } from '../config/mode.js'
import { draftControl, drafterBeside, MOST_DRAFTED } from '../drafting/auto.js'
import { loadStrategy } from '../drafting/custom-strategy.js'
import { lookupControl } from '../drafting/draft-options.js'
import { loadMedusa, loadMtp, type MedusaSettings } from '../drafting/heads.js'
import type { CostOptions } from '../drafting/step-costs.js'
import { STRATEGY_KINDS, type StrategyKind } from '../drafting/strategy-kinds.js'
import { usageError } from '../errors.js'
import { ASSISTANT_FIELDS, reencodingNotice } from '../generation/assisted.js'
import type { GenerateOptions } from '../generation/options.js'
import { type LanguageModel, type LoadOptions, placementOf } from '../language-model/load.js'

/** Whether the user or the model's author has set one of some fields. */
export type IsSet = (fields: readonly GenerationField[]) => boolean

/** How answers are decoded. */
export interface ChatStrategy {
  readonly name: string
  /** Settings that it consists in. */
  readonly fixed: Readonly<Record<string, unknown>>
  /** Settings that stand under the user's. */
  readonly defaults: Readonly<Record<string, unknown>>
  /** The modes that it is for; by default all. */
  readonly modes?: readonly GenerationMode[]
  /** Whether another model drafts. */
  readonly isAssisted: boolean
  /** Settings that have no effect under it: they are laid aside meanwhile. */
  readonly idle: readonly GenerationField[]
  /** What it decodes with, under a configuration. */
  options(config: GenerationConfig, isSet: IsSet): StrategyOptions
  dispose(): Promise<void>
}

export type StrategyOptions = Pick<
  GenerateOptions,
  'strategy' | 'createDrafter' | 'createControl' | 'assistant'
>

/** Where strategies find what they need. */
export interface StrategySources {
  readonly load: (source: string, options: LoadOptions) => Promise<LanguageModel>
  readonly costs: CostOptions
  readonly medusaHeads?: string
  readonly medusaTree?: MedusaSettings['tree']
  readonly mtpModules?: string
  readonly mtpDepth?: number
  /** Whether prompt lookup drafts beside heads. */
  readonly besideLookup?: boolean
  readonly assistantModel?: string
}

interface Context extends StrategySources {
  readonly model: LanguageModel
  /** Of `assistant_early_exit`, where it is set. */
  readonly earlyExit: number | undefined
}

type Loaded = Partial<Pick<ChatStrategy, 'options' | 'dispose' | 'defaults'>>

interface Definition extends StrategyKind {
  readonly summary: string
  /** Where another model drafts, the settings that have no effect. */
  readonly assisted?: { readonly idle: ChatStrategy['idle'] }
  readonly load?: (context: Context) => Promise<Loaded>
}

const kinds: Readonly<Record<keyof typeof STRATEGY_KINDS, StrategyKind>> = STRATEGY_KINDS

const definitions: Readonly<Record<string, Definition>> = {
  default: { summary: 'what the settings ask for' },
  greedy: { ...kinds.greedy, summary: 'the best token of each step', modes: ['greedy_search'] },
  sample: { ...kinds.sample, summary: 'tokens drawn at random', modes: ['sample'] },
  beam: { ...kinds.beam, summary: 'the best of several sequences' },
  contrastive: { ...kinds.contrastive, summary: 'probable tokens that do not repeat' },
  dola: { ...kinds.dola, summary: 'what the last layer knows better than earlier ones' },
  lookup: { ...kinds.lookup, summary: 'drafts from what was said before', load: loadLookup },
  speculative: {
    ...kinds.speculative,
    summary: 'drafts from a smaller model',
    assisted: { idle: ['assistant_early_exit'] },
    load: loadSpeculative,
  },
  'early-exit': {
    ...kinds['early-exit'],
    summary: "drafts from the model's first layers",
    assisted: { idle: [] },
    load: loadEarlyExit,
  },
  medusa: { ...kinds.medusa, summary: 'drafts from Medusa heads', load: loadMedusaHeads },
  mtp: { ...kinds.mtp, summary: 'drafts from modules of multi-token prediction', load: loadMtpModules },
  auto: { summary: 'the best drafter that the model can serve' },
}

/** The names of strategies, each with what it is. */
export const STRATEGIES: readonly (readonly [name: string, summary: string])[] = Object.entries(
  definitions,
).map(([name, { summary }]) => [name, summary])

export function isStrategyName(name: string): boolean {
  return Object.hasOwn(definitions, name)
}

/**
 * Loads a strategy by its name, or from a JavaScript module.
 * @throws UserError for a name that is none, and for what the model cannot serve
 */
export async function loadChatStrategy(wanted: string, context: Context): Promise<ChatStrategy> {
  const name = wanted === 'auto' ? await bestDrafter(context) : wanted
  const definition = isStrategyName(name) ? definitions[name] : ownModule(name)
  const { fixed = {}, defaults = {}, modes, assisted, load } = definition
  const { idle } = assisted ?? { idle: [...ASSISTANT_FIELDS, 'assistant_early_exit'] as const }
  return {
    ...{ name, fixed, defaults, modes, idle, isAssisted: assisted !== undefined },
    options: () => ({}),
    dispose: async () => {},
    ...(await load?.(wanted === 'auto' ? { ...context, besideLookup: true } : context)),
  }
}

function ownModule(path: string): Definition {
  if (!/[./\\]/.test(path)) {
    throw usageError(
      `There is no strategy ${JSON.stringify(path)}: choose ${Object.keys(definitions).join(', ')}, or the path of a JavaScript module.`,
    )
  }
  const load = async () => {
    const custom = await loadStrategy(path)
    return { options: () => custom }
  }
  return { ...kinds.medusa, summary: path, load }
}

/** As `autoDrafter` chooses. */
async function bestDrafter({ model, ...sources }: Context): Promise<string> {
  if (sources.medusaHeads ?? (await drafterBeside(model, 'medusa'))) return 'medusa'
  if (sources.mtpModules ?? (await drafterBeside(model, 'mtp'))) return 'mtp'
  return (sources.assistantModel ?? (await drafterBeside(model, 'draft'))) ? 'speculative' : 'lookup'
}

async function loadLookup({ model, costs }: Context): Promise<Loaded> {
  const createControl = await lookupControl(model, costs)
  return { options: (_, isSet) => (isSet(['prompt_lookup_num_tokens']) ? {} : { createControl }) }
}

async function loadSpeculative(context: Context): Promise<Loaded> {
  const source = context.assistantModel ?? (await drafterBeside(context.model, 'draft'))
  if (source === undefined) {
    throw usageError(
      'There is no draft model: start the chat with --assistant-model, or make one with `llm train draft`.',
    )
  }
  return loadAssistant(source, undefined, context)
}

async function loadEarlyExit(context: Context): Promise<Loaded> {
  const { model, earlyExit: layers = Math.max(1, model.spec.layers.length >> 1) } = context
  const loaded = await loadAssistant(model.path, layers, context)
  return { ...loaded, defaults: { assistant_early_exit: layers } }
}

/** A model that drafts. */
async function loadAssistant(source: string, layers: number | undefined, context: Context): Promise<Loaded> {
  const { model: target, costs, load } = context
  const draft = await load(source, {
    dtype: target.dtype,
    ...placementOf(target),
    threads: costs.threads,
    layers,
  })
  try {
    const assistant = { path: draft.path, tokenizer: draft.tokenizer, model: draft.model }
    const isReencoded = reencodingNotice(assistant, target) !== undefined
    const createControl = isReencoded ? undefined : await draftControl(target, draft, MOST_DRAFTED, costs)
    // Not for drawn drafts: what is drawn would depend on the machine's speed.
    const isControlled = ({ do_sample }: GenerationConfig, isSet: IsSet) =>
      !do_sample && !isSet(ASSISTANT_FIELDS)
    return {
      options: (config, isSet) => ({ assistant, ...(isControlled(config, isSet) && { createControl }) }),
      dispose: () => draft.dispose(),
    }
  } catch (error) {
    await draft.dispose()
    throw error
  }
}

async function loadMedusaHeads(context: Context): Promise<Loaded> {
  const { model, medusaHeads, medusaTree: tree, besideLookup: lookup, costs } = context
  const directory = medusaHeads ?? (await drafterBeside(model, 'medusa'))
  if (directory === undefined) {
    throw usageError(
      'There are no Medusa heads: start the chat with --medusa-heads, or make some with `llm train medusa`.',
    )
  }
  const { options, dispose } = await loadMedusa(directory, model, { tree, lookup, ...costs })
  return { options: () => options, dispose }
}

async function loadMtpModules(context: Context): Promise<Loaded> {
  const { model, mtpModules, mtpDepth: depth, besideLookup: lookup, costs } = context
  const directory = mtpModules ?? (await drafterBeside(model, 'mtp'))
  if (directory === undefined) {
    throw usageError(
      'There are no modules: start the chat with --mtp-modules, or make some with `llm train mtp`.',
    )
  }
  const { options, dispose } = await loadMtp(directory, model, { depth, lookup, ...costs })
  return { options: () => options, dispose }
}
