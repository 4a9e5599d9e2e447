import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { checkSettings, freshSeed, runBatch } from '../../batch/batch.js'
import { Failures, type RowFailure } from '../../batch/failures.js'
import type { Progress } from '../../batch/feeder.js'
import { Input, type Shard } from '../../batch/input.js'
import { withOutput } from '../../batch/open-output.js'
import { admit, readRecord } from '../../batch/origin.js'
import { OutputFile } from '../../batch/output-file.js'
import { type BatchRun, type Survey, survey } from '../../batch/resume.js'
import type { Row } from '../../batch/row.js'
import { type ConfigLayer, checkLayers, type GenerationConfig } from '../../config/index.js'
import { excerpt, usageError } from '../../errors.js'
import { STDIO, unreadable } from '../../files.js'
import type { Prompt } from '../../generation/prompt.js'
import type { LanguageModel } from '../../language-model/load.js'
import { printable } from '../../printable.js'
import { batchDisplay } from '../../ui/batch-progress.js'
import { formatDuration } from '../../ui/format.js'
import { tell } from '../../ui/printable.js'
import { type ChatFlags, promptFor, refuseRawChat } from '../io/chat-prompt.js'
import { layerOfFlags } from '../io/language-files.js'
import { scorerOfRow } from '../io/sample-scorer.js'
import { readConfigFile, readTemplate } from '../io/text-input.js'
import { isValidated, type ValidationFlags, validatorsOf } from '../io/validator.js'
import {
  type BatchModelFlags,
  type BatchModels,
  LOADING_FIELDS,
  loadBatchModels,
  loadingValues,
} from './models.js'
import { originOf } from './origin.js'

export interface BatchFlags extends BatchModelFlags, ChatFlags, ValidationFlags {
  readonly output: string
  readonly 'max-tokens-in-flight'?: number
  readonly order: string
  readonly shard?: Shard
  readonly 'fail-fast': boolean
  readonly 'retry-errors': boolean
  readonly 'continue-anyway': boolean
  readonly 'negative-prompt'?: string
  readonly logprobs?: number
  readonly scorer?: string
  readonly config?: string
}

/** What `llm batch --json` prints. */
export interface BatchJson {
  /** Of the output. */
  readonly rows: number
  /** Of these, those that an earlier run has written. */
  readonly resumed: number
  /** Rows with an error. */
  readonly failed: number
  /** Of this run, as the rest. */
  readonly prompt_tokens: number
  readonly generated_tokens: number
  readonly seconds: number
  readonly tokens_per_second: number
}

export interface BatchResult {
  readonly json: BatchJson
  /** Of all rows that the output has. */
  readonly failures: readonly RowFailure[]
}

/** A run, and what decides how its rows are served. */
interface Work {
  readonly run: BatchRun
  readonly flags: BatchFlags
  /** The settings of all rows. */
  readonly layers: readonly ConfigLayer[]
  readonly signal: AbortSignal
  /** Of llm. */
  readonly version: string
}

/**
 * Serves the rows of a file or of stdin.
 * @throws UserError as `runBatch`, and for files that cannot be read or written
 */
export async function serveBatch(
  source: string,
  flags: BatchFlags & Readonly<Record<string, unknown>>,
  { signal, version }: Pick<Work, 'signal' | 'version'>,
): Promise<BatchResult> {
  refuseRawChat(flags)
  const layers = await settingsOf(flags)
  const input = await openInput(source, flags)
  const options = {
    retryErrors: flags['retry-errors'],
    stdout: process.stdout,
    signal,
    onNotice: (message: string) => tell(message),
  }
  return withOutput(flags.output, options, async (output) => {
    const seed = layers.findLast(({ values }) => values.seed !== undefined)?.values.seed
    return serve({ run: { input, output, seed: seed as number | undefined }, flags, layers, signal, version })
  })
}

/** The settings of all rows: the file's, and over them the flags'. */
async function settingsOf(
  flags: BatchFlags & Readonly<Record<string, unknown>>,
): Promise<readonly ConfigLayer[]> {
  const layers: ConfigLayer[] = [await layerOfFlags(flags)]
  const { config } = flags
  if (config !== undefined) layers.unshift(await readConfigFile(config))
  checkLayers(...layers)
  return layers
}

/** @throws UserError for a file that cannot be read, and for one that is the output too */
async function openInput(source: string, { output, shard }: BatchFlags): Promise<Input> {
  if (source === STDIO) return new Input(process.stdin, shard)
  const found = await stat(source).catch((error) => {
    throw unreadable(source, error)
  })
  const target = await stat(output).catch(() => undefined)
  if (target && target.dev === found.dev && target.ino === found.ino) {
    throw usageError(`${source} is both read and written: name another file to write to.`)
  }
  if (found.isDirectory()) throw usageError(`${source} is a directory: give a file of JSON Lines.`)
  return new Input(found.isFile() ? source : createReadStream(source), shard)
}

async function serve(work: Work): Promise<BatchResult> {
  const { input, output } = work.run
  const resumed = output.written.size
  const failures = new Failures()
  for (const [row, { error }] of output.written) if (error !== undefined) failures.add(row, error)
  const begun = performance.now()
  const found = input.isFile ? await survey(work.run, LOADING_FIELDS) : undefined
  if (found && found.passed.size > 0) tell(passedLine(found.passed))
  const progress = await decodeRows(work, found, failures)
  if (work.flags.order === 'input' && !work.signal.aborted) output.sort(input.places)
  const seconds = (performance.now() - begun) / 1000
  const json = {
    rows: resumed + progress.rows,
    resumed,
    failed: failures.list().reduce((sum, { rows }) => sum + rows, 0),
    prompt_tokens: progress.promptTokens,
    generated_tokens: progress.generatedTokens,
    seconds,
    tokens_per_second: progress.generatedTokens / seconds,
  }
  return { json, failures: failures.list() }
}

function passedLine(passed: Survey['passed']): string {
  const fields = [...passed].map(([field, meant]) =>
    meant === undefined ? field : `${field} (did you mean ${meant}?)`,
  )
  return `Passed through, as they are no settings: ${fields.join(', ')}.`
}

/** Tells a sentence that several rows have in common once. */
function toldOnce(): (message: string) => void {
  const told = new Set<string>()
  return (message) => {
    if (!told.has(message)) tell(message)
    told.add(message)
  }
}

async function decodeRows(work: Work, found: Survey | undefined, failures: Failures): Promise<Progress> {
  const { flags, layers, signal } = work
  const template = flags['chat-template']
  const chatTemplate = await readTemplate(template)
  const values = loadingValues(layers, found?.values ?? new Map())
  const models = await loadBatchModels(flags, values, signal)
  const { model, engine, dispose } = models
  const display = batchDisplay({ resumed: work.run.output.written.size, remaining: found?.remaining })
  try {
    const { 'negative-prompt': negativePrompt, logprobs } = flags
    const options = {
      ...engine,
      generateOptions: {
        ...engine.generateOptions,
        negativePrompt,
        logprobs,
        chatTemplate,
        onWarning: toldOnce(),
      },
      layers,
      promptOf: (row: Row) => promptOf(row, model, flags, chatTemplate),
      scorerOf: (row: Row) => (flags.scorer === undefined ? {} : scorerOfRow(flags.scorer, row)),
      chatTemplate,
      validation: isValidated(flags)
        ? {
            retries: flags.retries ?? 0,
            validatorsOf: (config: GenerationConfig) => validatorsOf(flags, config),
          }
        : undefined,
      maxBatch: flags['max-batch'],
      maxTokensInFlight: flags['max-tokens-in-flight'],
      order: flags.order as 'input' | 'done',
      failFast: flags['fail-fast'],
      signal,
      onProgress: display.update,
      onError: (row: string, error: string) => failures.add(row, error),
    }
    for (const notice of checkSettings(model, options)) tell(notice)
    // Refuses a system message that no row could have.
    promptFor(model, '', flags, chatTemplate)
    const seed = await settleOrigin(work, models, chatTemplate)
    return await runBatch(model, { ...work.run, seed }, options)
  } finally {
    display.stop()
    await dispose()
  }
}

/**
 * Records what writes the rows of a file, and refuses one whose rows were written otherwise.
 * @returns the batch's seed: the one that is given, that of an earlier run, or a fresh one
 */
async function settleOrigin(
  { run, flags, layers, version }: Work,
  models: BatchModels,
  chatTemplate: string | undefined,
): Promise<number> {
  const { output } = run
  const record = output instanceof OutputFile ? await readRecord(output) : undefined
  const earlier = output.written.size > 0 ? record?.at(-1)?.origin?.seed : undefined
  const seed = run.seed ?? earlier ?? freshSeed()
  if (output instanceof OutputFile) {
    const origin = await originOf(models, { flags, layers, chatTemplate, seed, version })
    await admit(output, record, origin, flags['continue-anyway'])
  }
  return seed
}

/** As `llm generate` takes prompts; a system message of a row's own wins over the one for all. */
export function promptOf(
  { prompt }: Row,
  model: LanguageModel,
  flags: ChatFlags,
  chatTemplate: string | undefined,
): Prompt {
  if (typeof prompt === 'string') return promptFor(model, prompt, flags, chatTemplate)
  if (flags.raw) throw usageError('The row has messages, which need a chat template: leave --raw out.')
  const { system } = flags
  if (system === undefined || prompt.some(({ role }) => role === 'system')) return prompt
  return [{ role: 'system', content: system }, ...prompt]
}

/** The line that a batch ends with. */
export function batchLine({ rows, resumed, failed, ...figures }: BatchJson): string {
  return [
    `${rows} row${rows === 1 ? '' : 's'}${resumed > 0 ? `, ${resumed} of them from before` : ''}`,
    `${failed} failed`,
    `${figures.prompt_tokens} prompt + ${figures.generated_tokens} generated tokens`,
    `${figures.tokens_per_second.toFixed(1)} tok/s`,
    figures.seconds < 100 ? `${figures.seconds.toFixed(1)} s` : formatDuration(figures.seconds),
  ].join(' · ')
}

/** Reasons that are told; the others are in the output. */
const MOST_REASONS = 5

/** Why rows have failed, a line a reason. */
export function failureLines(failures: readonly RowFailure[]): readonly string[] {
  const told = failures.slice(0, MOST_REASONS).map(({ error, first, rows }) => {
    const others = rows > 1 ? ` and ${rows - 1} more` : ''
    return `Failed: ${first}${others}: ${excerpt(printable(error).replace(/\s+/g, ' '), 300)}`
  })
  const rest = failures.length - told.length
  return rest > 0 ? [...told, `${rest} more reason${rest === 1 ? '' : 's'}: see the rows' error.`] : told
}
