import {
  type ConfigLayer,
  checkLayers,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../../config/index.js'
import type { ContextLength } from '../../config/length.js'
import { type GenerationMode, generationMode, PLAIN_MODES } from '../../config/mode.js'
import { AUTO, loadDrafter } from '../../drafting/auto.js'
import { type CustomStrategy, loadStrategy } from '../../drafting/custom-strategy.js'
import type { DraftContext, LoadedDrafter, OwnValues } from '../../drafting/drafter.js'
import {
  type Drafts,
  fixedSettings,
  isSizedByPay,
  isStrategyName,
  type StrategyName,
  type StrategyRow,
  strategies,
} from '../../drafting/table.js'
import { usageError } from '../../errors.js'
import { type Generation, generatePrepared } from '../../generation/generate.js'
import type { GenerateOptions, GenerationResult } from '../../generation/options.js'
import { prepare } from '../../generation/prepare.js'
import { requireServed } from '../../generation/served.js'
import type { KnownModel, LanguageModel } from '../../language-model/load.js'
import { loadFor } from '../../scores/dola.js'
import type { GenerationView } from '../../ui/generation-view.js'
import { tell } from '../../ui/printable.js'
import { canRedraw } from '../../ui/redraw.js'
import { statisticsLine } from '../../ui/statistics-line.js'
import { BaseCommand } from '../base-command.js'
import { loadOptions, targetOptions } from '../flags/model.js'
import { ownFromFlags } from '../flags/own.js'
import { loadAmateur } from '../io/amateur.js'
import { promptFor, refuseRawChat } from '../io/chat-prompt.js'
import { shownHost } from '../io/draft-host.js'
import { endingOf } from '../io/ending.js'
import { layerOfFlags } from '../io/language-files.js'
import { loadShown } from '../io/load-shown.js'
import { writeStream } from '../io/plain-output.js'
import { scorerOf } from '../io/sample-scorer.js'
import { readConfigFile, readTemplate, readTextInput } from '../io/text-input.js'
import { isValidated } from '../io/validator.js'
import { baselineLine, measureBaseline, refuseWithoutDrafts } from './baseline.js'
import { type GenerateFlags, type generateArgs, JSON_FLAGS } from './flags.js'
import { type GenerationJson, generationJson } from './json.js'
import { isSet, noticed, refuseContradicting, THIS_COMMAND } from './strategy-settings.js'

/** The value of --strategy that leaves the choice to us. */
const AUTO_NAME = 'auto'

type Flags = GenerateFlags & Readonly<Record<string, unknown>>

/** A command's strategy, and its own fields as its flags have them; no row where the settings choose. */
interface Chosen {
  readonly row: StrategyRow | undefined
  readonly own: OwnValues
}

const NONE: Chosen = { row: undefined, own: {} }

/** `llm generate` and its strategies share this: prompt and settings in, text or JSON out. */
export abstract class GenerateCommand extends BaseCommand {
  // oclif would list all flags, of which there are dozens.
  static override usage = '<%= command.id %> [PROMPT] [FLAGS]'

  /** The command's own; without one the settings choose. */
  protected readonly strategy: StrategyName | undefined = undefined

  /** Flags that the command refuses before anything is loaded. */
  protected async check(_flags: Flags): Promise<void> {}

  async run(): Promise<GenerationJson> {
    const parsed = await this.parse(
      this.ctor as typeof GenerateCommand & { readonly args: typeof generateArgs },
    )
    const flags = parsed.flags as unknown as Flags
    await this.check(flags)
    refuseContradictions(flags, this.jsonEnabled())
    const name = this.strategy
    const chosen = name ? { row: strategies[name], own: ownFromFlags(name, flags) } : NONE
    const layers = await this.#layers(flags, chosen)
    const custom = await customStrategy(flags, chosen)
    const chatTemplate = await readTemplate(flags['chat-template'])
    const text = await readTextInput({
      argument: parsed.args.prompt,
      file: flags['prompt-file'],
      fileFlag: 'prompt-file',
      what: 'prompt',
    })
    // Only now: while stdin is waited for, Ctrl-C ends the process itself.
    const signal = this.interruptSignal()
    const view = this.#view()
    const dola = layers.findLast(({ values }) => values.dola_layers !== undefined)?.values.dola_layers
    const check = (known: KnownModel) => refuseUnserved(known, layers, flags, chosen, this.strategy)
    const model = await loadShown(flags.model, { ...targetOptions(flags), ...loadFor([dola]), signal, check })
    const drafters: LoadedDrafter[] = []
    let amateur: LanguageModel | undefined
    try {
      const resolved = this.#resolve(model, layers, flags, chosen)
      const { config } = resolved
      amateur = await loadAmateur(flags, model, signal)
      const prompt = promptFor(model, text, flags, chatTemplate)
      const prepared = noticed(prepare(model, prompt, resolved, chatTemplate))
      for (const drafts of draftsOf(flags, resolved, chosen)) {
        const context = this.#draftContext(flags, resolved, { model, drafts, chosen, signal })
        drafters.push(await loadDrafter(drafts, context))
      }
      const options: GenerateOptions = Object.assign({}, custom, ...drafters.map(({ options }) => options))
      for (const { name } of drafters) if (name) tell(`Drafts come from ${name}.`)
      if (flags.baseline) refuseWithoutDrafts(config, options)
      const shown = (await view)?.generationView(config.num_return_sequences, process.stdout)
      const common = { ...askedFor(flags, text), amateur, chatTemplate, signal, onWarning: tell }
      const { logprobs, 'masked-mass': maskedMass } = flags
      const asked = { ...common, ...options, logprobs, maskedMass, onBeams: shown?.showBeams }
      const generation = isValidated(flags)
        ? (await import('./validated.js')).judgedGeneration(
            model,
            { prompt, prepared, options: asked },
            flags,
          )
        : generatePrepared(model, prepared, asked)
      const result = await this.#show(generation, shown, model.model)
      if (!flags.baseline || signal.aborted) return generationJson(result)
      const baseline = await measureBaseline(model, prompt, layers, result, common)
      if (!this.jsonEnabled()) this.logToStderr(baselineLine(baseline))
      return { ...generationJson(result), baseline }
    } finally {
      await Promise.all([model, amateur, ...drafters].map((each) => each?.dispose()))
    }
  }

  /** Ink takes as long to import as a small model takes to load. */
  #view() {
    return canRedraw(process.stdout) && !this.jsonEnabled()
      ? import('../../ui/generation-view.js')
      : undefined
  }

  /** The user's settings: the file's, over them the flags', over them what the command itself stands for. */
  async #layers(flags: Flags, { row, own }: Chosen): Promise<ConfigLayer[]> {
    const fixed = row ? fixedSettings(row, own) : {}
    const layers: ConfigLayer[] = [
      { values: { return_dict_in_generate: this.jsonEnabled(), ...row?.defaults }, origin: THIS_COMMAND },
    ]
    if (flags.config !== undefined) layers.push(await readConfigFile(flags.config))
    layers.push(await layerOfFlags(flags))
    refuseContradicting(fixed, layers, this.#name)
    layers.push({ values: fixed, origin: THIS_COMMAND })
    checkLayers(...layers)
    return layers
  }

  /** Flags that HF warns of are errors here: each is honoured or refused. */
  #resolve(
    { generationConfig }: LanguageModel,
    layers: readonly ConfigLayer[],
    flags: Flags,
    { row }: Chosen,
  ): ResolvedConfig {
    const resolved = resolveGenerationConfig(generationConfig, ...layers)
    const { config, warnings } = resolved
    const mode = generationMode(config, isAssisted(flags, row))
    if (row?.modes && !row.isOpen && !row.modes.includes(mode)) {
      throw usageError(
        `The settings ask for ${mode}, but ${this.#name} is for ${row.modes.join(', ')}: use \`${this.config.bin} generate\`.`,
      )
    }
    // A setting without effect is told of only where it is not what changed the mode.
    if (warnings.length > 0) throw usageError(warnings.join('\n'))
    return resolved
  }

  #draftContext(
    flags: Flags,
    { config, layers }: ResolvedConfig,
    {
      model,
      drafts,
      chosen,
      signal,
    }: { model: LanguageModel; drafts: Drafts; chosen: Chosen; signal: AbortSignal },
  ): DraftContext {
    const load: DraftContext['host']['load'] = (source, own) =>
      loadShown(source, { ...loadOptions(flags), exact: false, ...own, signal })
    return {
      model,
      own: { model: flags['assistant-model'], layers: config.assistant_early_exit, ...chosen.own },
      costs: { threads: flags.threads, onMeasure: (message) => this.logToStderr(message) },
      // Settings that choose a drafter say how much it drafts, too, as in HF.
      pays: drafts === chosen.row?.drafts && isSizedByPay(drafts, config, (fields) => isSet(fields, layers)),
      host: shownHost(load, signal, (none, some) => `${none}: give ${some} with --${chosen.row?.flag}`),
    }
  }

  get #name(): string {
    return `\`${this.config.bin} ${this.id?.replaceAll(':', ' ')}\``
  }

  /** Streams the text; with `--json` it is only collected. */
  async #show(
    generation: Generation,
    shown: GenerationView | undefined,
    context: ContextLength,
  ): Promise<GenerationResult> {
    if (this.jsonEnabled()) return generation.result()
    if (!shown) {
      await writeStream(generation, process.stdout)
      const result = await generation.result()
      tell(statisticsLine(result.statistics, endingOf(result, context)))
      return result
    }
    let result: GenerationResult | undefined
    try {
      for await (const { sequence, text, drafted } of generation) shown.append(sequence, text, drafted)
      result = await generation.result()
      return result
    } finally {
      await shown.finish(result?.statistics, result && endingOf(result, context))
    }
  }
}

/** A strategy or drafter of the user's own. */
async function customStrategy({ strategy }: GenerateFlags, { row }: Chosen): Promise<CustomStrategy> {
  if (strategy === undefined) return {}
  if (isStrategyName(strategy)) {
    throw usageError(
      `--strategy takes the file of a strategy of your own, or ${AUTO_NAME}: \`llm generate ${strategy}\` decodes with ${strategy}.`,
    )
  }
  if (strategy !== AUTO_NAME) return loadStrategy(strategy)
  if (row?.drafts)
    throw usageError('--strategy auto chooses what drafts, but this command does: leave it out.')
  return {}
}

/** Options of generation by flags, with drafts and without. */
function askedFor(flags: GenerateFlags, prompt: string): GenerateOptions {
  return { negativePrompt: flags['negative-prompt'], ...scorerOf(flags.scorer, prompt) }
}

/** Whether another model drafts. */
function isAssisted(flags: GenerateFlags, row: StrategyRow | undefined): boolean {
  return flags['assistant-model'] !== undefined || row?.drafts?.assistant !== undefined
}

/** All that drafts: what the command stands for, a model that flags or settings name, the choice of `--strategy auto`. */
function draftsOf(flags: GenerateFlags, { config }: ResolvedConfig, { row }: Chosen): Drafts[] {
  const isModel = flags['assistant-model'] !== undefined || row === strategies.speculative
  const isExit = config.assistant_early_exit !== undefined
  if (isModel && isExit) {
    throw usageError('--assistant-model and assistant_early_exit both draft: leave one of them out.')
  }
  const rows = [
    row,
    isModel ? strategies.speculative : undefined,
    isExit ? strategies['early-exit'] : undefined,
    flags.strategy === AUTO_NAME ? autoFor(generationMode(config, isModel)) : undefined,
  ]
  return [...new Set(rows.flatMap((each) => each?.drafts ?? []))]
}

/** The drafter of `--strategy auto`: none in modes that are not drafted. */
function autoFor(mode: GenerationMode): StrategyRow | undefined {
  if (mode === 'assisted_generation') {
    throw usageError('--strategy auto chooses what drafts, but other settings do: leave one of them out.')
  }
  if (PLAIN_MODES.includes(mode)) return AUTO
  tell(`${mode} goes without drafts.`)
  return undefined
}

/** Strategies that the model cannot serve are refused before its weights are read. */
function refuseUnserved(
  { lacks, path, generationConfig }: KnownModel,
  layers: readonly ConfigLayer[],
  flags: GenerateFlags,
  { row }: Chosen,
  name: StrategyName | undefined,
): void {
  requireServed(lacks, path, {
    config: resolveGenerationConfig(generationConfig, ...layers).config,
    isAssisted: isAssisted(flags, row),
    isDrafted: Boolean(row?.drafts) || flags.strategy === AUTO_NAME,
    insides: row?.needsGraph ? name : undefined,
  })
}

/** Flags that contradict each other are refused before a model is loaded. */
function refuseContradictions(flags: Flags, json: boolean): void {
  const jsonOnly = JSON_FLAGS.find((flag) => flags[flag] !== undefined && flags[flag] !== false)
  if (jsonOnly && !json) throw usageError(`--${jsonOnly} is part of the JSON output: add --json.`)
  refuseRawChat(flags)
}
