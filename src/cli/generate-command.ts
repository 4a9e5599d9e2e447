import { Args, Flags } from '@oclif/core'
import { usageError } from '../errors.js'
import {
  type ConfigLayer,
  checkLayers,
  fieldsOf,
  type GenerationConfig,
  type GenerationField,
  resolveGenerationConfig,
} from '../generation/config.js'
import { loadStrategy } from '../generation/custom-strategy.js'
import { dolaLayers } from '../generation/dola.js'
import { type Generation, type GenerationResult, generate } from '../generation/generate.js'
import type { LoadedDrafter } from '../generation/heads.js'
import type { LanguageModel } from '../generation/load-model.js'
import { type GenerationMode, generationMode } from '../generation/mode.js'
import { readChatTemplate } from '../tokenizer/chat-template.js'
import type { GenerationView } from '../ui/generation-view.js'
import { statisticsLine } from '../ui/statistics-line.js'
import { BaseCommand } from './base-command.js'
import { configFlags, configFromFlags } from './config-flags.js'
import { type GenerationJson, generationJson } from './generation-json.js'
import { loadShown } from './load-shown.js'
import { loadOptions, modelFlags } from './model-flags.js'
import { writeStream } from './plain-output.js'
import { promptFlags, promptFor, refuseRawChat } from './prompt-flags.js'
import { readJsonObject, readText } from './text-input.js'

const strategyFlags = {
  'assistant-model': Flags.string({
    helpValue: 'MODEL',
    description: 'smaller model with the same tokens, which drafts for this one',
    helpGroup: 'STRATEGY',
  }),
  strategy: Flags.string({
    helpValue: 'FILE',
    description: 'JavaScript module with a strategy or drafter of your own',
    helpGroup: 'STRATEGY',
  }),
}

const outputFlags = {
  config: Flags.string({
    helpValue: 'FILE',
    description: 'JSON file with GenerationConfig fields; flags win over it',
    helpGroup: 'OUTPUT',
  }),
  logprobs: Flags.integer({
    min: 0,
    max: 100,
    helpValue: 'K',
    description: 'log-probabilities of each token and the K most probable ones; with --json',
    helpGroup: 'OUTPUT',
  }),
}

const JSON_FLAGS = ['logprobs', 'output-scores', 'output-logits', 'output-hidden-states', 'output-attentions']

/** Flags of a command that generates; `fixed` are the fields that it sets itself. */
export function generateFlags(fixed: readonly GenerationField[] = []) {
  // What --json returns is what the output flags ask for.
  const config = configFlags([...fixed, 'return_dict_in_generate'])
  return { ...modelFlags, ...promptFlags, ...strategyFlags, ...outputFlags, ...config }
}

/** Flags of a command whose heads draft: other ways to draft do not go with them. */
export function headFlags() {
  const {
    strategy,
    'assistant-model': assistant,
    ...flags
  } = generateFlags(fieldsOf('beam search', 'contrastive search and DoLa', 'assisted generation'))
  return flags
}

export const generateArgs = {
  // oclif would read stdin itself, in a race against 10 ms, and whatever its encoding.
  prompt: Args.string({ description: 'the prompt; from stdin where it is left out', ignoreStdin: true }),
}

type GenerateFlags = {
  model: string
  dtype: string
  device: string
  threads?: number
  'prompt-file'?: string
  system?: string
  raw: boolean
  'chat-template'?: string
  'negative-prompt'?: string
  'assistant-model'?: string
  strategy?: string
  config?: string
  logprobs?: number
}

/** What makes a command's strategy. */
export interface StrategySettings {
  /** Settings that no flag may contradict. */
  readonly fixed?: Readonly<Record<string, unknown>>
  /** Settings that stand over the model's own, and under the user's. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** The modes that the command is for; by default all. */
  readonly modes?: readonly GenerationMode[]
  /** What drafts for the model, once it is there. */
  readonly draft?: (model: LanguageModel) => Promise<LoadedDrafter>
}

/** What `llm generate` and its strategies share: prompt and settings in, text or JSON out. */
export abstract class GenerateCommand extends BaseCommand {
  protected async generate(
    argument: string | undefined,
    flags: GenerateFlags & Readonly<Record<string, unknown>>,
    settings: StrategySettings = {},
  ): Promise<GenerationJson> {
    refuseContradictions(flags, this.jsonEnabled())
    const text = await readText({
      argument,
      file: flags['prompt-file'],
      fileFlag: 'prompt-file',
      what: 'prompt',
    })
    // Only now: while stdin is waited for, Ctrl-C ends the process itself.
    const signal = this.interruptSignal()
    const layers = await this.#layers(flags, settings)
    const custom = flags.strategy === undefined ? {} : await loadStrategy(flags.strategy)
    const template = flags['chat-template']
    const chatTemplate = template === undefined ? undefined : await readChatTemplate(template)
    // Terminals without a size there are too, under which ink cannot lay out anything.
    const terminal = process.stdout.isTTY && process.stdout.columns > 0
    // Ink takes as long to import as a small model takes to load.
    const view = terminal && !this.jsonEnabled() ? import('../ui/generation-view.js') : undefined
    const model = await this.#load(flags, layers, signal)
    let assistant: LanguageModel | undefined
    let drafted: LoadedDrafter | undefined
    try {
      const isAssisted = flags['assistant-model'] !== undefined
      const config = this.#check(model, layers, settings, isAssisted)
      assistant = await loadAssistant(flags, config.assistant_early_exit, signal)
      drafted = await settings.draft?.(model)
      const shown = (await view)?.generationView(config.num_return_sequences, process.stdout)
      const generation = generate(model, promptFor(model, text, flags, chatTemplate), layers, {
        negativePrompt: flags['negative-prompt'],
        logprobs: flags.logprobs,
        chatTemplate,
        ...custom,
        ...drafted?.options,
        assistant,
        onBeams: shown?.showBeams,
        signal,
      })
      const result = await this.#show(generation, shown)
      return generationJson(result)
    } finally {
      await Promise.all([model, assistant, drafted].map((each) => each?.dispose()))
    }
  }

  /** The user's settings: the file's, over them the flags', over them what the command itself stands for. */
  async #layers(
    flags: GenerateFlags & Readonly<Record<string, unknown>>,
    { fixed = {}, defaults = {} }: StrategySettings,
  ): Promise<ConfigLayer[]> {
    const layers: ConfigLayer[] = [
      { values: { return_dict_in_generate: this.jsonEnabled(), ...defaults }, origin: 'this command' },
    ]
    if (flags.config !== undefined)
      layers.push({ values: await readJsonObject(flags.config), origin: flags.config })
    layers.push({ values: configFromFlags(flags), origin: 'the flags' })
    for (const [field, value] of Object.entries(fixed)) {
      const contradicting = layers.find(({ values }) => (values[field] ?? value) !== value)
      if (contradicting) {
        throw usageError(
          `${field} is ${contradicting.values[field]} in ${contradicting.origin}, but ${this.#name} sets it to ${value}.`,
        )
      }
    }
    layers.push({ values: fixed, origin: 'this command' })
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
    if (warnings.length > 0) throw usageError(warnings.join('\n'))
    const mode = generationMode(config, isAssisted)
    if (modes && !modes.includes(mode)) {
      throw usageError(
        `The settings ask for ${mode}, but ${this.#name} is for ${modes.join(', ')}: use \`${this.config.bin} generate\`.`,
      )
    }
    for (const notice of notices) process.stderr.write(`${notice}\n`)
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
  async #show(generation: Generation, shown: GenerationView | undefined): Promise<GenerationResult> {
    if (this.jsonEnabled()) return generation.result()
    if (!shown) {
      await writeStream(generation, process.stdout)
      const result = await generation.result()
      process.stderr.write(`${statisticsLine(result.statistics)}\n`)
      return result
    }
    let result: GenerationResult | undefined
    try {
      for await (const { sequence, text } of generation) shown.append(sequence, text)
      result = await generation.result()
      return result
    } finally {
      await shown.finish(result?.statistics)
    }
  }
}

/** The model that drafts: another one, or the first layers of this one. */
async function loadAssistant(
  flags: GenerateFlags,
  layers: number | undefined,
  signal: AbortSignal,
): Promise<LanguageModel | undefined> {
  const source = flags['assistant-model']
  if (source === undefined && layers === undefined) return undefined
  if (source !== undefined && layers !== undefined) {
    throw usageError('--assistant-model and assistant_early_exit both draft: leave one of them out.')
  }
  return loadShown(source ?? flags.model, { ...loadOptions(flags), layers, signal })
}

/** What can be refused before a model is loaded. */
function refuseContradictions(flags: GenerateFlags & Readonly<Record<string, unknown>>, json: boolean): void {
  const jsonOnly = JSON_FLAGS.find((flag) => flags[flag] !== undefined && flags[flag] !== false)
  if (jsonOnly && !json) throw usageError(`--${jsonOnly} is part of the JSON output: add --json.`)
  refuseRawChat(flags)
}
