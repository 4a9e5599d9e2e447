import type { FieldKind, GenerationConfig, GenerationField } from '../config/index.js'
import { type GenerationMode, PLAIN_MODES } from '../config/mode.js'
import { ASSISTANT_FIELDS } from '../generation/assistant.js'
import { MOST_LOOKED_UP } from '../strategies/drafters/beside-lookup.js'
import { loadAssistant, loadDraft, loadFirstLayers } from './draft-model.js'
import type { DraftContext, DrafterFiles, LoadedDrafter, OwnValues } from './drafter.js'
import { loadMedusa, loadMtp, type MedusaSettings, type MtpSettings } from './heads.js'
import { loadLookup, loadLookupBySettings } from './lookup.js'
import { loadRecycling } from './recycling.js'

/** A field of a strategy's own, as `llm compare -s` has it, and the flag that stands for it elsewhere. */
export interface OwnField {
  readonly kind: FieldKind
  /** Of a number. */
  readonly min?: number
  readonly max?: number
  /** By default its name. */
  readonly flag?: string
}

/** @param source of the drafter's files, where it has some */
export type LoadDrafter = (context: DraftContext, source: string) => Promise<LoadedDrafter>

/** How a strategy drafts. */
export interface Drafts {
  readonly files?: DrafterFiles
  /** The settings that say how much is drafted; as much as pays where none of them is set. */
  readonly sizedBy?: readonly GenerationField[]
  /** Where another model drafts, HF's fields of it that have an effect. */
  readonly assistant?: readonly GenerationField[]
  /** Tokens of the longest draft, where drafting takes no time to speak of. */
  readonly free?: number
  readonly load: LoadDrafter
  /** Loads it where no settings say how, for `auto` and `llm bench`; by default `load`; null where it takes some. */
  readonly alone?: LoadDrafter | null
}

/** A way to decode, and the settings that it consists in. */
export interface StrategyRow {
  /** As a chat lists it. */
  readonly summary: string
  /** Settings that the user may not contradict; some follow from its own fields. */
  readonly fixed?: OwnValues | ((own: OwnValues) => OwnValues)
  /** Settings that stand over the model's own, and under the user's. */
  readonly defaults?: OwnValues
  /** The modes that it is for; by default all. */
  readonly modes?: readonly GenerationMode[]
  /** Whether it needs layers, states or weights of a graph of our own. */
  readonly needsGraph?: boolean
  /** Whether its command leaves it to flags what drafts, so that its modes may be others. */
  readonly isOpen?: boolean
  /** The flag by which a batch decodes with it; by default `--strategy NAME`. */
  readonly flag?: string
  readonly own?: Readonly<Record<string, OwnField>>
  /** What drafts; null where nothing does. */
  readonly drafts: Drafts | null
}

const oneBeam = { num_beams: 1 }
const assisted: readonly GenerationMode[] = ['assisted_generation']

const text = (flag: string): OwnField => ({ kind: 'string', flag })
const nodes = (flag: string): OwnField => ({ kind: 'integer', min: 1, max: 256, flag })
const BOOLEAN: OwnField = { kind: 'boolean' }

const STRATEGIES = {
  greedy: {
    summary: 'the best token of each step',
    fixed: { ...oneBeam, do_sample: false },
    modes: ['greedy_search'],
    isOpen: true,
    flag: 'no-do-sample',
    drafts: null,
  },
  sample: {
    summary: 'tokens drawn at random',
    fixed: { ...oneBeam, do_sample: true },
    modes: ['sample'],
    isOpen: true,
    flag: 'do-sample',
    drafts: null,
  },
  beam: {
    summary: 'the best of several sequences',
    defaults: { num_beams: 4, do_sample: false },
    modes: ['beam_search', 'beam_sample', 'group_beam_search', 'constrained_beam_search'],
    flag: 'num-beams',
    drafts: null,
  },
  contrastive: {
    summary: 'probable tokens that do not repeat',
    fixed: { ...oneBeam, do_sample: false },
    defaults: { penalty_alpha: 0.6, top_k: 4 },
    modes: ['contrastive_search'],
    flag: 'penalty-alpha',
    drafts: null,
  },
  dola: {
    summary: 'what the last layer knows better than earlier ones',
    fixed: oneBeam,
    defaults: { dola_layers: 'low' },
    modes: ['dola_generation'],
    flag: 'dola-layers',
    needsGraph: true,
    drafts: null,
  },
  lookup: {
    summary: 'drafts from what was said before',
    fixed: oneBeam,
    defaults: { prompt_lookup_num_tokens: MOST_LOOKED_UP },
    modes: assisted,
    flag: 'prompt-lookup-num-tokens',
    own: { corpus: { kind: 'strings', flag: 'lookup-corpus' } },
    drafts: {
      sizedBy: ['prompt_lookup_num_tokens'],
      free: MOST_LOOKED_UP,
      load: loadLookupBySettings,
      alone: ({ model, costs }) => loadLookup(model, costs),
    },
  },
  recycling: {
    summary: 'drafts from what passes expected',
    fixed: oneBeam,
    modes: PLAIN_MODES,
    own: { lookup: BOOLEAN },
    drafts: { load: (context) => loadRecycling(context.model, settingsOf(context)) },
  },
  speculative: {
    summary: 'drafts from a smaller model',
    fixed: oneBeam,
    modes: assisted,
    flag: 'assistant-model',
    own: { model: text('assistant-model'), nodes: nodes('draft-nodes') },
    drafts: {
      files: { field: 'model', beside: 'draft', name: 'a draft model', none: 'There is no draft model' },
      sizedBy: ASSISTANT_FIELDS,
      assistant: ASSISTANT_FIELDS,
      load: (context, source) => loadAssistant(source, {}, context),
      alone: (context, path) => loadDraft(path, context.model, settingsOf(context)),
    },
  },
  'early-exit': {
    summary: "drafts from the model's first layers",
    fixed: oneBeam,
    modes: assisted,
    flag: 'assistant-early-exit',
    needsGraph: true,
    drafts: {
      sizedBy: ASSISTANT_FIELDS,
      assistant: [...ASSISTANT_FIELDS, 'assistant_early_exit'],
      load: loadFirstLayers,
      alone: null,
    },
  },
  medusa: {
    summary: 'drafts from Medusa heads',
    fixed: (own) => ({ ...oneBeam, ...(own.typical_acceptance === true && { do_sample: true }) }),
    modes: PLAIN_MODES,
    flag: 'medusa-heads',
    needsGraph: true,
    own: {
      heads: text('medusa-heads'),
      nodes: nodes('medusa-nodes'),
      lookup: BOOLEAN,
      typical_acceptance: BOOLEAN,
      posterior_threshold: { kind: 'number', min: 0, max: 1 },
      posterior_alpha: { kind: 'number', min: 0 },
    },
    drafts: {
      files: { field: 'heads', beside: 'medusa', name: 'Medusa heads', none: 'There are no Medusa heads' },
      load: (context, directory) => loadMedusa(directory, context.model, settingsOf(context)),
    },
  },
  mtp: {
    summary: 'drafts from modules of multi-token prediction',
    fixed: oneBeam,
    modes: PLAIN_MODES,
    flag: 'mtp-modules',
    needsGraph: true,
    own: {
      modules: text('mtp-modules'),
      depth: { kind: 'integer', min: 1, max: 16, flag: 'mtp-depth' },
      lookup: BOOLEAN,
    },
    drafts: {
      files: { field: 'modules', beside: 'mtp', name: 'MTP modules', none: 'There are no modules' },
      load: (context, directory) => loadMtp(directory, context.model, settingsOf(context)),
    },
  },
} satisfies Readonly<Record<string, StrategyRow>>

export type StrategyName = keyof typeof STRATEGIES

/** The one table of strategies, by the names of the commands of `llm generate`: every command that serves them reads it. */
export const strategies: Readonly<Record<StrategyName, StrategyRow>> = STRATEGIES

export function isStrategyName(name: string): name is StrategyName {
  return Object.hasOwn(strategies, name)
}

/** The settings that a strategy consists in, with its own fields as they are. */
export function fixedSettings({ fixed = {} }: StrategyRow, own: OwnValues = {}): OwnValues {
  return typeof fixed === 'function' ? fixed(own) : fixed
}

/**
 * Whether as much is drafted as pays: no setting says how much, and no model's draft is drawn, since its length would change what is
 * drawn, so that the text would depend on the machine's speed.
 */
export function isSizedByPay(
  { sizedBy = [], assistant }: Drafts,
  { do_sample }: GenerationConfig,
  isSet: (fields: readonly GenerationField[]) => boolean,
): boolean {
  return !isSet(sizedBy) && !(assistant && do_sample)
}

/** The own fields and costs of a strategy as its loader takes them. */
function settingsOf({ own, costs }: DraftContext): MedusaSettings & MtpSettings {
  const { nodes: tree, depth, lookup, posterior_threshold: threshold, posterior_alpha: alpha } = own
  const typical = own.typical_acceptance ? { threshold, alpha } : undefined
  return { ...costs, tree, depth, lookup, typical } as MedusaSettings & MtpSettings
}
