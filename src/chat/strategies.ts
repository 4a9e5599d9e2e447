import type { GenerationConfig, GenerationField } from '../config/index.js'
import type { GenerationMode } from '../config/mode.js'
import { AUTO, bestDrafter, loadDrafter } from '../drafting/auto.js'
import { CUSTOM } from '../drafting/custom-strategy.js'
import { hostBeside, type LoadedDrafter, type OwnValues } from '../drafting/drafter.js'
import type { CostOptions } from '../drafting/step-costs.js'
import {
  fixedSettings,
  isSizedByPay,
  type StrategyName,
  type StrategyRow,
  strategies,
} from '../drafting/table.js'
import { usageError } from '../errors.js'
import { ASSISTANT_FIELDS } from '../generation/assistant.js'
import type { LanguageModel, LoadOptions } from '../language-model/load.js'

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
  options(config: GenerationConfig, isSet: IsSet): LoadedDrafter['options']
  dispose(): Promise<void>
}

/** Where strategies find what they need. */
export interface StrategySources {
  readonly load: (source: string, options: LoadOptions) => Promise<LanguageModel>
  readonly costs: CostOptions
  /** Strategies' own fields: their files, and how much they draft. */
  readonly own?: { readonly [Name in StrategyName]?: OwnValues }
}

interface Context extends StrategySources {
  readonly model: LanguageModel
  /** Of `assistant_early_exit`, where it is set. */
  readonly earlyExit: number | undefined
}

const named: Readonly<Record<string, StrategyRow>> = {
  default: { summary: 'what the settings ask for', drafts: null },
  ...strategies,
  auto: AUTO,
}

/** The names of strategies, each with what it is. */
export const CHAT_STRATEGIES: readonly (readonly [name: string, summary: string])[] = Object.entries(
  named,
).map(([name, { summary }]) => [name, summary])

export function isChatStrategy(name: string): boolean {
  return Object.hasOwn(named, name)
}

/**
 * Loads a strategy by its name, or from a JavaScript module.
 * @throws UserError for a name that is none, and for what the model cannot serve
 */
export async function loadChatStrategy(wanted: string, context: Context): Promise<ChatStrategy> {
  const { model, earlyExit } = context
  const ownOf = (name: string): OwnValues => ({
    ...context.own?.[name as StrategyName],
    ...(name === 'early-exit' && { layers: earlyExit }),
  })
  const { name, own } =
    wanted === 'auto' ? await bestDrafter(model, ownOf) : { name: wanted, own: ownOf(wanted) }
  const row = isChatStrategy(name) ? named[name] : CUSTOM
  if (row === CUSTOM) requirePath(name)
  const { defaults = {}, modes, drafts } = row
  const loaded = drafts && (await loadOwn(row, row === CUSTOM ? { file: name } : own, context))
  const served: readonly GenerationField[] = drafts?.assistant ?? []
  return {
    name,
    fixed: fixedSettings(row),
    defaults: { ...defaults, ...loaded?.defaults },
    modes,
    idle: [...ASSISTANT_FIELDS, 'assistant_early_exit' as const].filter((field) => !served.includes(field)),
    isAssisted: drafts?.assistant !== undefined,
    options: (config, isSet) => {
      if (!loaded) return {}
      const { options } = loaded
      return isSizedByPay(drafts, config, isSet) ? options : { ...options, createControl: undefined }
    },
    dispose: async () => loaded?.dispose(),
  }
}

function requirePath(path: string): void {
  if (/[./\\]/.test(path)) return
  throw usageError(
    `There is no strategy ${JSON.stringify(path)}: choose ${Object.keys(named).join(', ')}, or the path of a JavaScript module.`,
  )
}

/** Loads what drafts. */
function loadOwn(
  { drafts, flag }: StrategyRow,
  own: OwnValues,
  { model, costs, load }: Context,
): Promise<LoadedDrafter> {
  const missing = (none: string) => `${none}: start the chat with --${flag}`
  const host = { ...hostBeside(model, costs, load), missing }
  return loadDrafter(drafts!, { model, own, costs, pays: true, host })
}

/** @throws UserError for settings against those that a strategy stands for */
export function refuseContradiction(
  { name, fixed }: ChatStrategy,
  settings: Readonly<Record<string, unknown>>,
): void {
  for (const [field, value] of Object.entries(fixed)) {
    if ((settings[field] ?? value) === value) continue
    throw usageError(`${field} is ${value} under the strategy ${name}: choose another strategy.`)
  }
}
