import type { SharedOptions } from '../../batch/request.js'
import type { ConfigLayer } from '../../config/index.js'
import { loadDrafter } from '../../drafting/auto.js'
import { type CustomStrategy, loadStrategy } from '../../drafting/custom-strategy.js'
import type { DraftHost } from '../../drafting/drafter.js'
import { isStrategyName, type StrategyName, strategies } from '../../drafting/table.js'
import { usageError } from '../../errors.js'
import type { GenerateOptions } from '../../generation/options.js'
import { requireServed } from '../../generation/served.js'
import type { KnownModel, LanguageModel } from '../../language-model/load.js'
import { loadFor } from '../../scores/dola.js'
import { loadOptions } from '../flags/model.js'
import { ownFromFlags } from '../flags/own.js'
import { loadAmateur } from '../io/amateur.js'
import { shownHost } from '../io/draft-host.js'
import { loadShown } from '../io/load-shown.js'

/** The fields by which rows decide what of a model is loaded. */
export const LOADING_FIELDS = ['dola_layers', 'assistant_early_exit'] as const

/** Their values, of all rows and of some. */
export type LoadingValues = ReadonlyMap<string, readonly unknown[]>

export interface BatchModelFlags {
  readonly 'max-batch': number
  readonly model: string
  readonly adapter?: string
  readonly dtype: string
  readonly device: string
  readonly 'device-id'?: number
  readonly threads?: number
  readonly 'assistant-model'?: string
  readonly 'amateur-model'?: string
  readonly 'medusa-heads'?: string
  readonly 'mtp-modules'?: string
  readonly lookup?: boolean
  readonly strategy?: string
  readonly [flag: string]: unknown
}

/** A model with what drafts for it. */
export interface BatchModels {
  readonly model: LanguageModel
  readonly engine: SharedOptions
  dispose(): Promise<void>
}

/** The values of `LOADING_FIELDS` that stand for all rows, with those of `rows`. */
export function loadingValues(layers: readonly ConfigLayer[], rows: LoadingValues): LoadingValues {
  return new Map(
    LOADING_FIELDS.map((field) => {
      const own = layers.findLast(({ values }) => values[field] !== undefined)?.values[field]
      return [field, [...(own === undefined ? [] : [own]), ...(rows.get(field) ?? [])]]
    }),
  )
}

/** @throws UserError as `loadStrategy`, and for the name of a strategy that a flag chooses */
async function customStrategy({ strategy, lookup }: BatchModelFlags): Promise<CustomStrategy> {
  if (strategy === undefined) return {}
  if (!isStrategyName(strategy)) {
    if (!lookup) return loadStrategy(strategy)
    throw usageError(
      '--lookup goes beside heads and recycling: set --prompt-lookup-num-tokens beside a module of your own.',
    )
  }
  const { flag } = strategies[strategy]
  if (flag === undefined) return {}
  throw usageError(`--strategy takes the file of a strategy of your own: --${flag} chooses ${strategy}.`)
}

/**
 * The drafter beside a draft model: one whose files are given, or one that is named.
 * @throws UserError, exit code 2, for several
 */
function drafterName(flags: BatchModelFlags): StrategyName | undefined {
  const names = Object.keys(strategies) as StrategyName[]
  const given = names.filter((name) => {
    const { flag, drafts } = strategies[name]
    if (!drafts || drafts.assistant) return false
    return flag === undefined
      ? flags.strategy === name
      : drafts.files !== undefined && flags[flag] !== undefined
  })
  if (given.length > 1) {
    const clashing = given.map((name) => `--${strategies[name].flag ?? `strategy ${name}`}`)
    throw usageError(`${clashing.join(' and ')} both draft: leave one of them out.`)
  }
  return given[0]
}

/** @throws UserError as `loadModel`, `loadMedusa`, `loadMtp` and `loadStrategy`, and for several drafters */
export async function loadBatchModels(
  flags: BatchModelFlags,
  values: LoadingValues,
  signal: AbortSignal,
): Promise<BatchModels> {
  const custom = await customStrategy(flags)
  const name = drafterName(flags)
  const options = { ...loadOptions(flags), signal, manySequences: flags['max-batch'] > 1 }
  const insides = name && strategies[name].needsGraph ? name : undefined
  const isDrafted = name !== undefined || flags['assistant-model'] !== undefined
  const check = ({ lacks, path }: KnownModel) => requireServed(lacks, path, { insides, isDrafted })
  const exits = loadFor(values.get('dola_layers') ?? [])
  const { adapter } = flags
  const model = await loadShown(flags.model, { ...options, adapter, ...exits, check })
  const loaded: { dispose(): Promise<void> }[] = [model]
  const keep = <T extends { dispose(): Promise<void> }>(resource: T): T => {
    loaded.push(resource)
    return resource
  }
  const dispose = async () => {
    await Promise.all(loaded.map((each) => each.dispose()))
  }
  try {
    const source = flags['assistant-model']
    const assistant = source === undefined ? undefined : keep(await loadShown(source, options))
    const earlyExits = new Map<number, LanguageModel>()
    for (const layers of values.get('assistant_early_exit') ?? []) {
      if (!isEarlyExit(layers, model)) continue
      earlyExits.set(layers, keep(await loadShown(flags.model, { ...options, adapter, layers })))
    }
    const load: DraftHost['load'] = (name, own) => loadShown(name, { ...options, ...own })
    const costs = { threads: flags.threads }
    const amateur = await loadAmateur(flags, model, signal, { manySequences: options.manySequences })
    if (amateur) keep(amateur)
    const generateOptions: GenerateOptions = { ...custom, amateur }
    if (name !== undefined) {
      const { flag, drafts } = strategies[name]
      const host = shownHost(load, signal, (none, some) => `${none}: give ${some} with --${flag}`)
      const context = { model, own: ownFromFlags(name, flags), costs, pays: true, host }
      Object.assign(generateOptions, keep(await loadDrafter(drafts!, context)).options)
    }
    return {
      model,
      engine: { assistant, earlyExits, generateOptions },
      dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

function isEarlyExit(layers: unknown, { spec }: LanguageModel): layers is number {
  const most = spec?.layers.length ?? 0
  return Number.isInteger(layers) && Number(layers) > 0 && Number(layers) < most
}
