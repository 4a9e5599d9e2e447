import { takeInput } from '../../chat/commands.js'
import { ChatSession } from '../../chat/session.js'
import { type ConfigLayer, checkLayers } from '../../config/index.js'
import { generationMode } from '../../config/mode.js'
import { BEST_FIRST } from '../../drafting/auto.js'
import { isStrategyName, type StrategyName, strategies } from '../../drafting/table.js'
import { UserError, usageError } from '../../errors.js'
import { STDIO } from '../../files.js'
import type { GenerationChunk } from '../../generation/options.js'
import { requireServed } from '../../generation/served.js'
import {
  type KnownModel,
  type LanguageModel,
  type LoadOptions,
  loadModel,
} from '../../language-model/load.js'
import { loadFor } from '../../scores/dola.js'
import { chatStatusLine, statisticsLine, totalsLine } from '../../ui/statistics-line.js'
import { modelName, targetOptions } from '../flags/model.js'
import { ownFromFlags } from '../flags/own.js'
import { loadAmateur } from '../io/amateur.js'
import { type ChatFlags, refuseRawChat } from '../io/chat-prompt.js'
import { endingOf } from '../io/ending.js'
import { layerOfFlags } from '../io/language-files.js'
import { loadShown } from '../io/load-shown.js'
import { refuseStdinTwice } from '../io/stdin.js'
import { readConfigFile, readTemplate } from '../io/text-input.js'
import type { ChatPort } from './port.js'
import { resultsOf, type ToolRunning } from './tool-calls.js'

/** Who is told what goes on while something is loaded. */
export interface ChatHost {
  note(text: string): void
  /** Whether there is room for bars of progress: not within the interface of a terminal. */
  readonly showsProgress: boolean
}

export interface ChatCommandFlags extends ChatFlags {
  readonly model: string
  readonly adapter?: string
  readonly dtype: string
  readonly device: string
  readonly 'device-id'?: number
  readonly threads?: number
  readonly 'negative-prompt'?: string
  readonly 'amateur-model'?: string
  readonly strategy?: string
  readonly config?: string
}

const names = Object.keys(strategies) as StrategyName[]

/**
 * Begins a chat by flags.
 * @throws UserError as `loadModel` and `ChatSession.begin`, and for settings that have no effect
 */
export async function beginChat(
  flags: ChatCommandFlags & Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  host: ChatHost,
): Promise<{ session: ChatSession; dispose(): Promise<void> }> {
  refuseStdinTwice({ 'the chat': STDIO, '--config': flags.config, '--chat-template': flags['chat-template'] })
  refuseRawChat(flags)
  const settings = await settingsOf(flags)
  const template = flags['chat-template']
  const chatTemplate = await readTemplate(template)
  const exits = loadFor([settings.dola_layers])
  const strategy = flags.strategy ?? strategyOf(flags, settings)
  const insides =
    strategy !== undefined && isStrategyName(strategy) && strategies[strategy].needsGraph
      ? strategy
      : undefined
  const check = ({ lacks, path }: KnownModel) => requireServed(lacks, path, { insides })
  const model = await loadShown(flags.model, { ...targetOptions(flags), ...exits, signal, check })
  let amateur: LanguageModel | undefined
  const disposeModels = async () => {
    await Promise.all([model, amateur].map((each) => each?.dispose()))
  }
  try {
    amateur = await loadAmateur(flags, model, signal)
    const session = await ChatSession.begin(model, {
      modelName: modelName(flags),
      sources: {
        load: (source, options) => loadBy(host, source, { ...options, signal }),
        costs: { threads: flags.threads, onMeasure: (message) => host.note(message) },
        own: Object.fromEntries(names.map((name) => [name, ownFromFlags(name, flags)])),
      },
      system: flags.system,
      chatTemplate,
      raw: flags.raw,
      negativePrompt: flags['negative-prompt'],
      amateur,
      settings,
      strategy,
    })
    const { notes } = session
    if (notes.length === 0) return { session, dispose: () => session.dispose().then(disposeModels) }
    await session.dispose()
    throw usageError(notes.join('\n'))
  } catch (error) {
    await disposeModels()
    throw error
  }
}

function loadBy(host: ChatHost, source: string, options: LoadOptions): Promise<LanguageModel> {
  if (host.showsProgress) return loadShown(source, options)
  host.note(`Loading ${source}.`)
  return loadModel(source, { ...options, onNotice: (text) => host.note(text) })
}

/** What the user sets: the file's fields, and over them the flags'. */
async function settingsOf(
  flags: ChatCommandFlags & Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const layers: ConfigLayer[] = [await layerOfFlags(flags)]
  const { config } = flags
  if (config !== undefined) layers.unshift(await readConfigFile(config))
  checkLayers(...layers)
  const values = Object.assign({}, ...layers.map(({ values }) => values))
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
}

/** The strategy that flags ask for by what they name to draft with. */
function strategyOf(
  flags: ChatCommandFlags & Readonly<Record<string, unknown>>,
  settings: Record<string, unknown>,
): string | undefined {
  const drafter = BEST_FIRST.find((name) => {
    const { flag, drafts } = strategies[name]
    return drafts?.files && flags[flag!] !== undefined
  })
  return drafter ?? (settings.assistant_early_exit === undefined ? undefined : 'early-exit')
}

/**
 * Takes lines from a port until it ends. A line that cannot be served is told, and the chat goes on.
 * @returns whether all lines were served
 */
export async function converse(session: ChatSession, port: ChatPort, running: ToolRunning): Promise<boolean> {
  let isFine = true
  const showStatus = () => port.status(statusOf(session))
  if (!session.hasTemplate) {
    port.note('No chat template: what you write is continued, just as it is.')
  }
  showStatus()
  for (;;) {
    try {
      const input = await port.next()
      if (input === undefined || (await serve(session, input, { port, running, onChunk: showStatus })))
        return isFine
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      isFine = false
      await port.error(error)
    }
    showStatus()
  }
}

/** Serves a line; whether it was the last one. */
async function serve(session: ChatSession, input: string, serving: Serving): Promise<boolean> {
  const { port } = serving
  const { answer, notes = [], replay, statistics, exit = false } = await takeInput(session, input)
  if (replay) port.replay(replay)
  for (const note of notes) port.note(note)
  if (statistics) for (const line of statisticsLines(session)) port.note(line)
  if (answer) await show(session, answer, serving)
  return exit
}

interface Serving {
  readonly port: ChatPort
  readonly running: ToolRunning
  readonly onChunk: () => void
}

/** Shows an answer, and those that follow from the results of its calls. */
async function show(
  session: ChatSession,
  answer: AsyncIterable<GenerationChunk>,
  { port, running, onChunk }: Serving,
): Promise<void> {
  let next: AsyncIterable<GenerationChunk> | undefined = answer
  for (let round = 0; next; round++) {
    for await (const { text, drafted } of next) {
      await port.append(text, drafted)
      onChunk()
    }
    await port.endAnswer(session)
    const ending = endingOf(session.statistics.last!.result, session.context, (field) => `/set ${field}`)
    if (ending) port.note(`${ending[0].toUpperCase()}${ending.slice(1)}.`)
    const calls = session.toolTurn.calls
    if (calls.length === 0) return
    if (round >= running.rounds) {
      port.note(
        `No more calls are run: there were ${running.rounds} answers with calls. Raise --tool-rounds.`,
      )
      return
    }
    const results = await resultsOf(calls, session, port, running)
    next = results && session.respond(results)
  }
}

function statisticsLines({ statistics: { last, totals } }: ChatSession): string[] {
  if (!last) return ['There is no answer yet.']
  return [statisticsLine(last.statistics), totalsLine(totals)]
}

function statusOf(session: ChatSession): string {
  const { config, strategyName, statistics, cachedTokens } = session
  const strategy = strategyName === 'default' ? generationMode(config).replaceAll('_', ' ') : strategyName
  const temperature = config.do_sample ? config.temperature : undefined
  return chatStatusLine({ strategy, temperature, tokensPerSecond: statistics.tokensPerSecond, cachedTokens })
}
