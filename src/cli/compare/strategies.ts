import { type ComparedKind, KINDS } from '../../compare/kinds.js'
import type { Contestant } from '../../compare/run.js'
import type { Specification } from '../../compare/specification.js'
import {
  type ConfigLayer,
  fieldsOf,
  type GenerationConfig,
  resolveGenerationConfig,
} from '../../config/index.js'
import { generationMode } from '../../config/mode.js'
import { autoDrafter, drafterBeside } from '../../drafting/auto.js'
import { loadStrategy } from '../../drafting/custom-strategy.js'
import { type LoadedDrafter, loadMedusa, loadMtp, type MtpSettings } from '../../drafting/heads.js'
import type { CostOptions } from '../../drafting/step-costs.js'
import { usageError } from '../../errors.js'
import { reencodingNotice } from '../../generation/assistant.js'
import { strategyFor } from '../../generation/strategy.js'
import type { LanguageModel, LoadOptions } from '../../language-model/load.js'
import { dolaLayers } from '../../scores/dola.js'
import { tell } from '../../ui/printable.js'
import { assistantControl } from '../generate/assistant-control.js'
import type { DraftContext } from '../generate/command.js'
import { lookupDraft } from '../generate/lookup-draft.js'
import { isSet, refuseContradicting, THIS_COMMAND } from '../generate/strategy-settings.js'
import { loadShown } from '../io/load-shown.js'

type Values = Readonly<Record<string, unknown>>

/** What strategies are compared under. */
export interface CompareSettings {
  /** The user's settings of all strategies. */
  readonly layers: readonly ConfigLayer[]
  readonly seed: number
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

/** The settings that a strategy consists in. */
function settingsOf({
  kind,
  own,
}: Specification): Required<Pick<ComparedKind, 'fixed' | 'defaults' | 'modes'>> {
  const { fixed = {}, defaults = {}, modes = [] }: ComparedKind = KINDS[kind]
  return {
    fixed: { ...fixed, ...(own.typical_acceptance === true && { do_sample: true }) },
    defaults,
    modes,
  }
}

/** @throws UserError, exit code 2, for what can be refused before a model is loaded */
export function checkSpecification(specification: Specification, { layers }: CompareSettings): void {
  const { text, settings } = specification
  const own = { values: settings, origin: text }
  refuseContradicting({ ...settingsOf(specification).fixed, ...FIXED }, [...layers, own], text)
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
   * @param source of the model
   * @param options of all models
   */
  constructor(
    private readonly source: string,
    private readonly options: LoadOptions,
    private readonly costs: CostOptions,
  ) {}

  /** The model as it is: what scores texts, and what most strategies decode with. */
  model(): Promise<LanguageModel> {
    return this.load(this.source)
  }

  /** @throws UserError for settings that the strategy cannot serve, and as what it is made of */
  async open(
    specification: Specification,
    { layers: shared, seed }: CompareSettings,
  ): Promise<LoadedContestant> {
    const { text, settings: ownSettings } = specification
    const { fixed, defaults } = settingsOf(specification)
    const model = await this.model()
    const layers: ConfigLayer[] = [
      { values: { ...DEFAULTS, ...defaults }, origin: THIS_COMMAND },
      ...shared.map((layer) => ({ ...layer, isShared: true })),
      { values: ownSettings, origin: text },
      { values: { ...fixed, ...FIXED, seed }, origin: THIS_COMMAND },
    ]
    const config = checkedConfig(specification, model, layers)
    const assistant = await this.assistant(specification, config, model)
    const drafted = await this.draft(specification, {
      model,
      assistant,
      config,
      costs: this.costs,
      isSet: (fields) => isSet(fields, [model.generationConfig, ...layers]),
    })
    const options = { ...drafted?.options, assistant }
    // What `generate` would refuse, before the first run.
    strategyFor(config, { ...options, eosTokenIds: [] })
    return {
      specification,
      layers,
      options,
      settings: { ...defaults, ...ownSettings, ...fixed },
      // A strategy in place of the settings' own: typical acceptance, or the user's.
      lossy: options.strategy !== undefined,
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
    options: Pick<LoadOptions, 'layers' | 'exits' | 'exact'> = {},
    key: unknown = null,
  ) {
    const name = JSON.stringify([source, options.layers, options.exact ?? this.options.exact, key])
    const model = this.models.get(name) ?? loadShown(source, { ...this.options, ...options })
    this.models.set(name, model)
    return model
  }

  /** Early exits take time in every pass, so that only DoLa has them. */
  private withExits(dola: NonNullable<GenerationConfig['dola_layers']>): Promise<LanguageModel> {
    return this.load(this.source, { exits: (spec) => dolaLayers(dola, spec) }, dola)
  }

  private async assistant(
    { kind, own, text }: Specification,
    { assistant_early_exit: layers }: GenerationConfig,
    model: LanguageModel,
  ): Promise<DraftContext['assistant']> {
    if (kind === 'early-exit') return this.load(this.source, { layers, exact: false })
    if (kind !== 'speculative') return undefined
    const source = await fileOf(own.model, model, 'draft', `${text}: there is no draft model`)
    const assistant = await this.load(source, { exact: false })
    const treeNodes = own.nodes as number | undefined
    const notice = treeNodes === undefined && reencodingNotice(assistant, model)
    if (notice) tell(notice)
    return { ...assistant, treeNodes }
  }

  private async draft(
    { kind, own, text }: Specification,
    context: DraftContext,
  ): Promise<Partial<LoadedDrafter> | undefined> {
    const { model, costs } = context
    switch (kind) {
      case 'lookup':
        return lookupDraft(context, corpusOf(own.corpus), this.options.signal!)
      case 'speculative':
      case 'early-exit':
        return assistantControl(context)
      case 'medusa': {
        const { posterior_threshold: threshold, posterior_alpha: alpha, nodes: tree, lookup } = own
        const directory = await fileOf(own.heads, model, 'medusa', `${text}: there are no Medusa heads`)
        const typical = own.typical_acceptance ? { threshold, alpha } : undefined
        const settings = { tree, typical, lookup, ...costs } as Parameters<typeof loadMedusa>[2]
        return this.keep(await loadMedusa(directory, model, settings))
      }
      case 'mtp': {
        const directory = await fileOf(own.modules, model, 'mtp', `${text}: there are no modules`)
        const { depth, lookup } = own as MtpSettings
        return this.keep(await loadMtp(directory, model, { depth, lookup, ...costs }))
      }
      case 'auto': {
        const drafter = await autoDrafter(model, costs)
        tell(`${text} drafts with ${drafter.name}.`)
        return this.keep(drafter)
      }
      case 'custom':
        return { options: await loadStrategy(String(own.file)) }
      case 'greedy':
      case 'sample':
      case 'beam':
      case 'beam-sample':
      case 'diverse-beam':
      case 'contrastive':
      case 'dola':
        return undefined
      default:
        throw cannotLoad(kind, text)
    }
  }

  private keep<Drafter extends LoadedDrafter>(drafter: Drafter): Drafter {
    this.drafters.push(drafter)
    return drafter
  }
}

/** Never plain decoding in place of what was asked for. */
function cannotLoad(kind: never, text: string): Error {
  return usageError(`${text} cannot be compared: nothing loads a strategy of the kind ${kind}.`)
}

/** What HF warns of is an error here: a setting is honoured or refused. */
function checkedConfig(
  specification: Specification,
  { generationConfig }: LanguageModel,
  layers: readonly ConfigLayer[],
): GenerationConfig {
  const { kind, text } = specification
  const { config, warnings } = resolveGenerationConfig(generationConfig, ...layers)
  if (warnings.length > 0) throw usageError(`${text}: ${warnings.join('\n')}`)
  const { modes } = settingsOf(specification)
  const mode = generationMode(config, kind === 'speculative')
  if (!modes.includes(mode)) {
    throw usageError(`The settings of ${text} ask for ${mode}, but ${kind} is for ${modes.join(', ')}.`)
  }
  return config
}

/**
 * Settings of all that no strategy takes notice of.
 * @throws UserError, exit code 2, for one
 */
export function refuseUnused(
  { generationConfig }: LanguageModel,
  contestants: readonly LoadedContestant[],
): void {
  const warnings = contestants.map(({ layers }) => {
    const strict = layers.map((layer) => ({ ...layer, isShared: false }))
    return resolveGenerationConfig(generationConfig, ...strict).warnings
  })
  const unused = warnings[0].filter((warning) => warnings.every((own) => own.includes(warning)))
  if (unused.length > 0) throw usageError(unused.join('\n'))
}

/** A directory that is given, or that of a drafter in the model's own. */
async function fileOf(
  given: unknown,
  model: LanguageModel,
  name: 'medusa' | 'mtp' | 'draft',
  complaint: string,
): Promise<string> {
  const directory = given ?? (await drafterBeside(model, name))
  if (typeof directory === 'string') return directory
  const field = { medusa: 'heads', mtp: 'modules', draft: 'model' }[name]
  throw usageError(
    `${complaint} in ${model.path}: give some with ${field}=DIR, or make them with \`llm train ${name}\`.`,
  )
}

function corpusOf(corpus: unknown): readonly string[] | undefined {
  return corpus === undefined ? undefined : ([corpus].flat() as string[])
}
