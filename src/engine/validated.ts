import type { GenerationConfig } from '../config/index.js'
import { isHeld } from '../config/structured.js'
import { excerpt, UserError, usageError } from '../errors.js'
import type { GenerationChunk, GenerationResult } from '../generation/options.js'
import { isChat, type Prompt } from '../generation/prompt.js'
import type { GeneratedSequence } from '../generation/sequence.js'
import { toldLanguage } from '../generation/told-language.js'
import { forkSeed } from '../random.js'
import type { Engine } from './engine.js'
import type { PreparedRequest } from './request.js'

/** Why an answer does not pass, for the model to read; undefined where it does. What it throws ends the attempts. */
export type Validate<Value = unknown> = (
  answer: Pick<GeneratedSequence<Value>, 'text' | 'value'>,
  signal?: AbortSignal,
) => string | undefined | Promise<string | undefined>

export interface Validation<Value = unknown> {
  /** Attempts after the first one, at most. */
  readonly retries: number
  /** Judges in turn; the first that finds a fault counts. */
  readonly validators: readonly Validate<Value>[]
  readonly signal?: AbortSignal
  /** Called after each attempt that does not pass, by its number from 1. */
  readonly onFailure?: (attempt: number, failure: string) => void
  /** Called with the result, before it is given. */
  readonly onEnd?: (result: ValidatedResult) => void
}

/** An answer that did not pass. */
export interface FailedAttempt {
  readonly text: string
  readonly failure: string
}

/** The last answer, and what became of those before it. */
export interface ValidatedResult<Value = unknown> extends GenerationResult<Value> {
  readonly passed: boolean
  /** Answers that were generated. */
  readonly attempts: number
  /** All answers that did not pass, in order; where none passed, the last one is the result's own. */
  readonly failures: readonly FailedAttempt[]
}

/** A request that may be made again with another prompt. */
export interface ValidatedRequest {
  readonly prompt: Prompt
  readonly first: PreparedRequest
  /** The same request with another prompt and other settings. */
  again(prompt: Prompt, settings: Partial<GenerationConfig>): PreparedRequest
}

/** Where the seeds of further attempts begin among the streams of a seed: behind those of sequences, drafters and processors. */
const ATTEMPTS = 3 * 2 ** 32
/** Characters of a failure that the model is told. */
const MOST_TOLD = 2_000

/**
 * Generates until an answer passes: a failure's text goes back to the model, as `max_retries` of instructor has it. Prompts go on where the
 * last one ended, so that the engine has most of them in its cache. Attempts draw from seeds that follow from the request's. Text is given
 * once it is final, as one chunk.
 * @throws UserError, exit code 2, for several sequences, and for a prompt of token ids; what a validator throws as the failure of the last answer
 */
export async function* validated(
  engine: Engine,
  { prompt, first, again }: ValidatedRequest,
  { retries, validators, signal, onFailure, onEnd }: Validation,
): AsyncGenerator<GenerationChunk, ValidatedResult, void> {
  const { config } = first
  if (config.num_return_sequences > 1)
    throw usageError(
      `num_return_sequences is ${config.num_return_sequences}, but one answer is validated: leave it out.`,
    )
  if (retries > 0 && typeof prompt !== 'string' && !isChat(prompt))
    throw usageError('Retries tell the model of failures, but the prompt has token ids: give text or a chat.')
  let told = toldLanguage(prompt, config)
  const isTold = told !== prompt
  let request = first
  const failures: FailedAttempt[] = []
  for (;;) {
    const result = await engine.submit(request).result()
    const failure = await failureOf(result, validators, signal)
    const attempts = failures.length + 1
    if (failure !== undefined) failures.push({ text: result.text, failure: failure.text })
    const isLast = failure === undefined || failure.isFinal || attempts > retries || signal?.aborted === true
    if (failure !== undefined && !signal?.aborted) onFailure?.(attempts, failure.text)
    if (isLast) {
      yield* wholeOf(result)
      const ended = { ...result, config, passed: failure === undefined, attempts, failures }
      onEnd?.(ended)
      return ended
    }
    told = corrected(told, result.text, failure.text)
    const seed = forkSeed(config.seed, ATTEMPTS + attempts)
    request = again(told, isTold ? { seed, schema_in_prompt: false } : { seed })
  }
}

function* wholeOf({ text, ids }: GenerationResult): Generator<GenerationChunk, void, void> {
  yield { sequence: 0, text, ids, drafted: 0 }
}

interface Failure {
  readonly text: string
  /** Whether no other answer could pass. */
  readonly isFinal: boolean
}

async function failureOf(
  result: GenerationResult,
  validators: readonly Validate[],
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  if (result.finish_reason === 'interrupted') return { text: 'The answer was interrupted.', isFinal: true }
  if (result.fault !== undefined) return { text: result.fault, isFinal: false }
  if (isHeld(result.config) && !('value' in result))
    return { text: 'The answer was cut off before its end: give a shorter one.', isFinal: false }
  try {
    for (const validate of validators) {
      const text = await validate(result, signal)
      if (text !== undefined) return { text: excerpt(text, MOST_TOLD), isFinal: false }
    }
    return undefined
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { text: error.message, isFinal: true }
  }
}

/** The conversation with an answer and what is wrong about it. */
function corrected(prompt: Prompt, answer: string, failure: string): Prompt {
  const request = `The answer is not valid:\n${failure}\n\nGive the whole answer again, corrected.`
  if (typeof prompt === 'string') return `${prompt}${answer}\n\n${request}\n\n`
  if (!isChat(prompt)) return prompt
  return [...prompt, { role: 'assistant', content: answer }, { role: 'user', content: request }]
}
