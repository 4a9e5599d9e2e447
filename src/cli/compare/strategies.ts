import { KINDS } from '../../compare/kinds.js'
import type { Contestant } from '../../compare/run.js'
import type { Specification } from '../../compare/specification.js'
import {
  type ConfigLayer,
  fieldsOf,
  type GenerationConfig,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../../config/index.js'
import { generationMode } from '../../config/mode.js'
import { loadDrafter } from '../../drafting/auto.js'
import type { LoadedDrafter } from '../../drafting/drafter.js'
import type { CostOptions } from '../../drafting/step-costs.js'
import { fixedSettings, isSizedByPay } from '../../drafting/table.js'
import { UserError, usageError } from '../../errors.js'
import { requireAmateurOf } from '../../generation/amateur.js'
import { requireServed } from '../../generation/served.js'
import { strategyFor } from '../../generation/strategy.js'
import type { LanguageModel, LoadOptions } from '../../language-model/load.js'
import { loadFor } from '../../scores/dola.js'
import { tell } from '../../ui/printable.js'
import { isSet, refuseContradicting, THIS_COMMAND } from '../generate/strategy-settings.js'
import { shownHost } from '../io/draft-host.js'
import { loadShown } from '../io/load-shown.js'

type Values = Readonly<Record<string, unknown>>

/** Settings that strategies are compared under. */
export interface CompareSettings {
  /** The user's settings of all strategies. */
  readonly layers: readonly ConfigLayer[]
  readonly seed: number
  /** Amateur model of the strategies that name none. */
  readonly amateur?: string
}

/** A strategy that is ready, and what a report says of it. */
export interface LoadedContestant extends Contestant {
  /** GenerationConfig fields that it has beside those of all. */
  readonly settings: Values
  readonly lossy: boolean
}

/** One text a prompt, and the likeliest tokens where nobody says otherwise: texts are to be comparable. */
const DEFAULTS = { do_sample: false }
const FIXED = { num_return_sequences: 1 }

/** @throws UserError, exit code 2, for what can be refused before a model is loaded */
export function checkSpecification(specification: Specification, { layers }: CompareSettings): void {
  const { kind, text, settings } = specification
  const fixed = fixedSettings(KINDS[kind], specification.own)
  const own = { values: settings, origin: text }
  refuseContradicting({ ...fixed, ...FIXED }, [...layers, own], text)
  for (const { values, origin } of [...layers, own]) {
    const field = fieldsOf('output').find((name) => values[name] !== undefined)
    if (field) throw usageError(`${field} in ${origin} has no effect on a comparison: leave it out.`)
  }
}

/** Loads what strategies need, each file once, and disposes of it in the end. */
export class Contestants {
  private readonly models = new Map<string, Promise<LanguageModel>>()
  private readonly drafters: LoadedDrafter[] = []

  /**
   * @param target the model that is compared, and its adapter
   * @param options of all models
   * @param check of the model, as in `LoadOptions`
   */
  constructor(
    private readonly target: { readonly model: string; readonly adapter?: string },
    private readonly options: LoadOptions,
    private readonly costs: CostOptions,
    private readonly check?: LoadOptions['check'],
  ) {}

  /** The model as it is: what scores texts, and what most strategies decode with. */
  model(): Promise<LanguageModel> {
    return this.loadTarget({ check: this.check })
  }

  /** @throws UserError for settings that the strategy cannot serve, and as what it is made of */
  async open(
    specification: Specification,
    { layers: shared, seed, amateur: ofAll }: CompareSettings,
  ): Promise<LoadedContestant> {
    const { kind, text, own, settings: ownSettings } = specification
    const { defaults = {} } = KINDS[kind]
    const fixed = fixedSettings(KINDS[kind], own)
    const model = await this.model()
    const resolved = resolve(specification, model, [
      { values: { ...DEFAULTS, ...defaults }, origin: THIS_COMMAND },
      ...shared.map((layer) => ({ ...layer, isShared: true })),
      { values: ownSettings, origin: text },
      { values: { ...fixed, ...FIXED, seed }, origin: THIS_COMMAND },
    ])
    const { config } = resolved
    const source = (own.amateur_model as string | undefined) ?? ofAll
    const amateur = source === undefined ? undefined : await this.amateur(source, model)
    const options = { ...(await this.draft(specification, model, resolved)), ...(amateur && { amateur }) }
    // Settings that `generate` would refuse are refused before the first run.
    strategyFor(config, { ...options, eosTokenIds: [] })
    requireServed(model.model.lacks, model.path, { config, isAssisted: options.assistant !== undefined })
    return {
      specification,
      resolved,
      options,
      settings: { ...defaults, ...ownSettings, ...fixed, ...(amateur && { amateur_model: source }) },
      // Instead of the settings' own way to decode: typical acceptance, or a strategy of the user's.
      lossy: options.strategy !== undefined || options.verifier !== undefined,
      model: config.dola_layers === undefined ? model : await this.withExits(config.dola_layers),
    }
  }

  async dispose(): Promise<void> {
    const models = await Promise.allSettled(this.models.values())
    const loaded = models.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    await Promise.all([...loaded, ...this.drafters].map((each) => each.dispose()))
  }

  private load(
    source: string,
    options: Pick<LoadOptions, 'layers' | 'exits' | 'exact' | 'adapter' | 'check'> = {},
    key: unknown = null,
  ) {
    const name = JSON.stringify([
      source,
      options.adapter,
      options.layers,
      options.exact ?? this.options.exact,
      key,
    ])
    const model = this.models.get(name) ?? loadShown(source, { ...this.options, ...options })
    this.models.set(name, model)
    return model
  }

  private loadTarget(options?: Pick<LoadOptions, 'exits' | 'check'>, key?: unknown): Promise<LanguageModel> {
    return this.load(this.target.model, { adapter: this.target.adapter, ...options }, key)
  }

  /** @throws UserError for a model with other tokens */
  private async amateur(source: string, model: LanguageModel): Promise<LanguageModel> {
    const amateur = await this.load(source)
    requireAmateurOf(model, amateur)
    return amateur
  }

  /** Early exits take time in every pass, so that only DoLa has them. */
  private withExits(dola: NonNullable<GenerationConfig['dola_layers']>): Promise<LanguageModel> {
    return this.loadTarget(loadFor([dola]), dola)
  }

  /** @throws UserError for a kind that has no loader: never plain decoding instead of what was asked for */
  private async draft(
    { kind, own, text }: Specification,
    model: LanguageModel,
    { config, layers }: ResolvedConfig,
  ): Promise<LoadedDrafter['options']> {
    const { drafts } = KINDS[kind]
    if (drafts === null) return {}
    if (drafts === undefined) {
      throw usageError(`${text} cannot be compared: nothing loads a strategy of the kind ${kind}.`)
    }
    // Models are shared, and disposed of in the end.
    const load = async (source: string, options: LoadOptions) => ({
      ...(await this.load(source, { ...options, exact: false })),
      dispose: async () => {},
    })
    const missing = (none: string, some: string, field: string) =>
      `${text}: ${none[0].toLowerCase()}${none.slice(1)} in ${model.path}: give ${some} with ${field}=DIR`
    const drafter = await loadDrafter(drafts, {
      model,
      own: { ...own, layers: config.assistant_early_exit },
      costs: this.costs,
      pays: isSizedByPay(drafts, config, (fields) => isSet(fields, layers)),
      host: shownHost(load, this.options.signal!, missing),
    })
    this.drafters.push(drafter)
    if (drafter.name) tell(`${text} drafts with ${drafter.name}.`)
    return drafter.options
  }
}

/** What is said of the settings of a strategy, after its text where it is not said of that itself. */
function named<Result>(text: string, resolved: () => Result): Result {
  try {
    return resolved()
  } catch (error) {
    if (!(error instanceof UserError) || error.message.includes(text)) throw error
    throw new UserError(`${text}: ${error.message}`, error.exitCode, { cause: error })
  }
}

/** Settings that HF warns of are errors here: each is honoured or refused. */
function resolve(
  { kind, text }: Specification,
  { generationConfig }: LanguageModel,
  layers: readonly ConfigLayer[],
): ResolvedConfig {
  const resolved = named(text, () => resolveGenerationConfig(generationConfig, ...layers))
  const { config, warnings } = resolved
  if (warnings.length > 0) throw usageError(`${text}: ${warnings.join('\n')}`)
  const { modes = [], drafts } = KINDS[kind]
  const mode = generationMode(config, drafts?.assistant !== undefined)
  if (!modes.includes(mode)) {
    throw usageError(`The settings of ${text} ask for ${mode}, but ${kind} is for ${modes.join(', ')}.`)
  }
  return resolved
}

/**
 * Settings of all that no strategy takes notice of.
 * @throws UserError, exit code 2, for one
 */
export function refuseUnused(contestants: readonly LoadedContestant[]): void {
  const warnings = contestants.map(({ resolved }) => {
    const strict = resolved.layers.map((layer) => ({ ...layer, isShared: false }))
    return resolveGenerationConfig(...strict).warnings
  })
  const unused = warnings[0].filter((warning) => warnings.every((own) => own.includes(warning)))
  if (unused.length > 0) throw usageError(unused.join('\n'))
}
