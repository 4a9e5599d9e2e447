import type { SharedOptions } from '../../batch/request.js'
import type { ConfigLayer, GenerationConfig } from '../../config/index.js'
import { type CustomStrategy, loadStrategy } from '../../drafting/custom-strategy.js'
import { type LoadedDrafter, loadMedusa, loadMtp } from '../../drafting/heads.js'
import type { STRATEGY_KINDS } from '../../drafting/strategy-kinds.js'
import { usageError } from '../../errors.js'
import type { LanguageModel } from '../../language-model/load.js'
import { dolaLayers } from '../../scores/dola.js'
import { medusaTree } from '../flags/heads.js'
import { loadOptions } from '../flags/model.js'
import { loadShown } from '../io/load-shown.js'

/** The fields by which rows decide what of a model is loaded. */
export const LOADING_FIELDS = ['dola_layers', 'assistant_early_exit'] as const

/** Their values, of all rows and of some. */
export type LoadingValues = ReadonlyMap<string, readonly unknown[]>

export interface BatchModelFlags {
  readonly 'max-batch': number
  readonly model: string
  readonly dtype: string
  readonly device: string
  readonly 'device-id'?: number
  readonly threads?: number
  readonly 'assistant-model'?: string
  readonly 'medusa-heads'?: string
  readonly 'medusa-nodes'?: number
  readonly 'medusa-choices'?: string
  readonly 'mtp-modules'?: string
  readonly 'mtp-depth'?: number
  readonly lookup?: boolean
  readonly strategy?: string
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

/** What makes a batch decode with a strategy that has a name. */
const CHOSEN_BY: Readonly<Record<keyof typeof STRATEGY_KINDS, string>> = {
  greedy: '--no-do-sample',
  sample: '--do-sample',
  beam: '--num-beams',
  contrastive: '--penalty-alpha',
  dola: '--dola-layers',
  lookup: '--prompt-lookup-num-tokens',
  speculative: '--assistant-model',
  'early-exit': '--assistant-early-exit',
  medusa: '--medusa-heads',
  mtp: '--mtp-modules',
}

/** @throws UserError as `loadStrategy`, and for the name of a strategy */
async function customStrategy({ strategy }: BatchModelFlags): Promise<CustomStrategy> {
  if (strategy === undefined) return {}
  if (Object.hasOwn(CHOSEN_BY, strategy)) {
    throw usageError(
      `--strategy takes the file of a strategy of your own: ${CHOSEN_BY[strategy as keyof typeof CHOSEN_BY]} chooses ${strategy}.`,
    )
  }
  return loadStrategy(strategy)
}

/** @throws UserError as `loadModel`, `loadMedusa`, `loadMtp` and `loadStrategy` */
export async function loadBatchModels(
  flags: BatchModelFlags,
  values: LoadingValues,
  signal: AbortSignal,
): Promise<BatchModels> {
  const custom = await customStrategy(flags)
  const options = { ...loadOptions(flags), signal, manySequences: flags['max-batch'] > 1 }
  const exits = (spec: LanguageModel['spec']) => exitsOf(values.get('dola_layers') ?? [], spec)
  const model = await loadShown(flags.model, { ...options, exits })
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
      earlyExits.set(layers, keep(await loadShown(flags.model, { ...options, layers })))
    }
    const drafter = await loadHeads(flags, model)
    if (drafter) keep(drafter)
    return {
      model,
      engine: { assistant, earlyExits, generateOptions: { ...custom, ...drafter?.options } },
      dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** All early exits that DoLa is asked for; a setting that names none is an error of its rows. */
function exitsOf(settings: readonly unknown[], spec: LanguageModel['spec']): number[] {
  const exits = new Set<number>()
  for (const setting of settings) {
    try {
      for (const layer of dolaLayers(setting as NonNullable<GenerationConfig['dola_layers']>, spec)) {
        exits.add(layer)
      }
    } catch {
      // Told with the row.
    }
  }
  return [...exits].sort((a, b) => a - b)
}

function isEarlyExit(layers: unknown, { spec }: LanguageModel): layers is number {
  return Number.isInteger(layers) && Number(layers) > 0 && Number(layers) < spec.layers.length
}

async function loadHeads(flags: BatchModelFlags, model: LanguageModel): Promise<LoadedDrafter | undefined> {
  const { 'medusa-heads': medusa, 'mtp-modules': mtp, lookup, threads } = flags
  if (medusa !== undefined) return loadMedusa(medusa, model, { tree: medusaTree(flags), lookup, threads })
  return mtp === undefined ? undefined : loadMtp(mtp, model, { depth: flags['mtp-depth'], lookup, threads })
}
