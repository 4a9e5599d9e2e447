import {
  type ConfigLayer,
  checkLayers,
  type GenerationConfig,
  type GenerationField,
  resolveGenerationConfig,
} from '../../config/index.js'
import { generationMode } from '../../config/mode.js'
import { autoDrafter } from '../../drafting/auto.js'
import { type CustomStrategy, loadStrategy } from '../../drafting/custom-strategy.js'
import type { LoadedDrafter } from '../../drafting/heads.js'
import type { CostOptions } from '../../drafting/step-costs.js'
import { STRATEGY_KINDS, type StrategyKind } from '../../drafting/strategy-kinds.js'
import { usageError } from '../../errors.js'
import type { Assistant } from '../../generation/assistant.js'
import { type Generation, generate } from '../../generation/generate.js'
import type { GenerationResult } from '../../generation/options.js'
import type { LanguageModel } from '../../language-model/load.js'
import { dolaLayers } from '../../scores/dola.js'
import type { GenerationView } from '../../ui/generation-view.js'
import { tell } from '../../ui/printable.js'
import { canRedraw } from '../../ui/redraw.js'
import { statisticsLine } from '../../ui/statistics-line.js'
import { BaseCommand } from '../base-command.js'
import { configFromFlags } from '../flags/config.js'
import { loadOptions } from '../flags/model.js'
import { promptFor, refuseRawChat } from '../io/chat-prompt.js'
import { endingOf } from '../io/ending.js'
import { loadShown } from '../io/load-shown.js'
import { writeStream } from '../io/plain-output.js'
import { readConfigFile, readTemplate, readText } from '../io/text-input.js'
import { loadAssistant } from './assistant.js'
import { baselineLine, compareWith, refuseWithoutDrafts, withoutDrafts } from './baseline.js'
import type { GenerateFlags } from './flags.js'
import { type GenerationJson, generationJson } from './json.js'
import { isSet, refuseContradicting, THIS_COMMAND } from './strategy-settings.js'

const JSON_FLAGS = ['logprobs', 'output-scores', 'output-logits', 'output-hidden-states', 'output-attentions']

/** The value of --strategy that leaves the choice to us. */
const AUTO = 'auto'

const MEASURING = 'Measuring how long passes take, once for this model and machine.'

/** What makes a command's strategy. */
export interface StrategySettings extends StrategyKind {
  /** Nodes of a tree that the assistant drafts in place of a chain. */
  readonly treeNodes?: number
  /** What drafts for the model, once it is there. */
  readonly draft?: (context: DraftContext) => Promise<Partial<LoadedDrafter> | undefined>
}

export interface DraftContext {
  readonly model: LanguageModel
  readonly assistant: (Assistant & LanguageModel) | undefined
  readonly config: GenerationConfig
  readonly costs: CostOptions
  /** Whether the user or the model's author has set one of these fields. */
  isSet(fields: readonly GenerationField[]): boolean
}

/** What `llm generate` and its strategies share: prompt and settings in, text or JSON out. */
export abstract class GenerateCommand extends BaseCommand {
  // oclif would list all flags, of which there are dozens.
  static override usage = '<%= command.id %> [PROMPT] [FLAGS]'

  protected async generate(
    argument: string | undefined,
    flags: GenerateFlags & Readonly<Record<string, unknown>>,
    settings: StrategySettings = {},
  ): Promise<GenerationJson> {
    refuseContradictions(flags, this.jsonEnabled())
    const layers = await this.#layers(flags, settings)
    const custom = await customStrategy(flags, settings)
    const chatTemplate = await readTemplate(flags['chat-template'])
    const text = await readText({
      argument,
      file: flags['prompt-file'],
      fileFlag: 'prompt-file',
      what: 'prompt',
    })
    // Only now: while stdin is waited for, Ctrl-C ends the process itself.
    const signal = this.interruptSignal()
    // Ink takes as long to import as a small model takes to load.
    const view =
      canRedraw(process.stdout) && !this.jsonEnabled() ? import('../../ui/generation-view.js') : undefined
    const model = await this.#load(flags, layers, signal)
    let assistant: DraftContext['assistant']
    let drafted: Partial<LoadedDrafter> | undefined
    try {
      const isAssisted = flags['assistant-model'] !== undefined
      const config = this.#check(model, layers, settings, isAssisted)
      const drafting = { layers: config.assistant_early_exit, treeNodes: settings.treeNodes }
      assistant = await loadAssistant(flags, model, { ...drafting, signal })
      const draft = flags.strategy === AUTO ? draftAutomatically : settings.draft
      drafted = await draft?.({
        model,
        assistant,
        config,
        costs: { threads: flags.threads, onMeasure: () => this.logToStderr(MEASURING) },
        isSet: (fields) => isSet(fields, [model.generationConfig, ...layers]),
      })
      const options = { ...custom, ...drafted?.options, assistant }
      if (flags.baseline) refuseWithoutDrafts(config, options)
      const shown = (await view)?.generationView(config.num_return_sequences, process.stdout)
      const prompt = promptFor(model, text, flags, chatTemplate)
      const common = { negativePrompt: flags['negative-prompt'], chatTemplate, signal }
      const generation = generate(model, prompt, layers, {
        ...common,
        ...options,
        logprobs: flags.logprobs,
        onBeams: shown?.showBeams,
      })
      const result = await this.#show(generation, shown, model.model.maxPositions)
      if (!flags.baseline || signal.aborted) return generationJson(result)
      const seed = { values: { seed: result.config.seed }, origin: THIS_COMMAND }
      const plain = generate(model, prompt, [...layers.map(withoutDrafts), seed], common)
      const baseline = compareWith(await plain.result(), result)
      if (!this.jsonEnabled()) this.logToStderr(baselineLine(baseline))
      return { ...generationJson(result), baseline }
    } finally {
      await Promise.all([model, assistant, drafted].map((each) => each?.dispose?.()))
    }
  }

  /** The user's settings: the file's, over them the flags', over them what the command itself stands for. */
  async #layers(
    flags: GenerateFlags & Readonly<Record<string, unknown>>,
    { fixed = {}, defaults = {} }: StrategySettings,
  ): Promise<ConfigLayer[]> {
    const layers: ConfigLayer[] = [
      { values: { return_dict_in_generate: this.jsonEnabled(), ...defaults }, origin: THIS_COMMAND },
    ]
    if (flags.config !== undefined) layers.push(await readConfigFile(flags.config))
    layers.push({ values: configFromFlags(flags), origin: 'the flags' })
    refuseContradicting(fixed, layers, this.#name)
    layers.push({ values: fixed, origin: THIS_COMMAND })
    checkLayers(...layers)
    return layers
  }

  /** What HF warns of is an error here: a flag is honoured or refused. */
  #check(
    { generationConfig }: LanguageModel,
    layers: readonly ConfigLayer[],
    { modes }: StrategySettings,
    isAssisted: boolean,
  ): GenerationConfig {
    const { config, warnings, notices } = resolveGenerationConfig(generationConfig, ...layers)
    const mode = generationMode(config, isAssisted)
    if (modes && !modes.includes(mode)) {
      throw usageError(
        `The settings ask for ${mode}, but ${this.#name} is for ${modes.join(', ')}: use \`${this.config.bin} generate\`.`,
      )
    }
    // A setting without effect is told of only where it is not what changed the mode.
    if (warnings.length > 0) throw usageError(warnings.join('\n'))
    for (const notice of notices) tell(notice)
    return config
  }

  get #name(): string {
    return `\`${this.config.bin} ${this.id?.replaceAll(':', ' ')}\``
  }

  async #load(
    flags: GenerateFlags,
    layers: readonly ConfigLayer[],
    signal: AbortSignal,
  ): Promise<LanguageModel> {
    const dola = layers.findLast(({ values }) => values.dola_layers !== undefined)?.values
      .dola_layers as GenerationConfig['dola_layers']
    const exits = dola && ((spec: LanguageModel['spec']) => dolaLayers(dola, spec))
    return loadShown(flags.model, { ...loadOptions(flags), exits, signal })
  }

  /** Streams the text; with `--json` it is only collected. */
  async #show(
    generation: Generation,
    shown: GenerationView | undefined,
    maxPositions: number,
  ): Promise<GenerationResult> {
    if (this.jsonEnabled()) return generation.result()
    if (!shown) {
      await writeStream(generation, process.stdout)
      const result = await generation.result()
      tell(statisticsLine(result.statistics, endingOf(result, maxPositions)))
      return result
    }
    let result: GenerationResult | undefined
    try {
      for await (const { sequence, text, drafted } of generation) shown.append(sequence, text, drafted)
      result = await generation.result()
      return result
    } finally {
      await shown.finish(result?.statistics, result && endingOf(result, maxPositions))
    }
  }
}

/** A strategy or drafter of the user's own. */
async function customStrategy(
  { strategy }: GenerateFlags,
  { draft }: StrategySettings,
): Promise<CustomStrategy> {
  if (strategy === undefined) return {}
  if (Object.hasOwn(STRATEGY_KINDS, strategy)) {
    throw usageError(
      `--strategy takes the file of a strategy of your own, or ${AUTO}: \`llm generate ${strategy}\` decodes with ${strategy}.`,
    )
  }
  if (strategy !== AUTO) return loadStrategy(strategy)
  if (draft) throw usageError('--strategy auto chooses what drafts, but this command does: leave it out.')
  return {}
}

/** What drafts by `--strategy auto`: nothing in modes that are not drafted. */
async function draftAutomatically({ model, assistant, config, costs }: DraftContext) {
  const mode = generationMode(config, assistant !== undefined)
  if (mode === 'assisted_generation') {
    throw usageError('--strategy auto chooses what drafts, but other settings do: leave one of them out.')
  }
  if (mode !== 'greedy_search' && mode !== 'sample') {
    tell(`${mode} goes without drafts.`)
    return undefined
  }
  const drafter = await autoDrafter(model, costs)
  tell(`Drafts come from ${drafter.name}.`)
  return drafter
}

/** What can be refused before a model is loaded. */
function refuseContradictions(flags: GenerateFlags & Readonly<Record<string, unknown>>, json: boolean): void {
  const jsonOnly = JSON_FLAGS.find((flag) => flags[flag] !== undefined && flags[flag] !== false)
  if (jsonOnly && !json) throw usageError(`--${jsonOnly} is part of the JSON output: add --json.`)
  refuseRawChat(flags)
}
