import { randomInt } from 'node:crypto'
import { usageError } from '../errors.js'
import { BranchingModel } from '../strategies/branches.js'
import { prefixOf } from '../strategies/prefix.js'
import type { KVCache, LogitsProcessor, Model, Step, StoppingCriterion } from '../strategies/types.js'
import type { Message } from './chat-template.js'
import type { ConfigLayer } from './config/resolve.js'
import { type GenerationConfig, lengthLimit, resolveGenerationConfig } from './config.js'
import { GuidedModel } from './guidance.js'
import type { LanguageModel } from './load-model.js'
import { strategyFor } from './mode.js'
import { buildProcessors, type PrefixAllowedTokens } from './processors/index.js'
import { createRandom, forkSeed } from './random.js'
import { type GeneratedSequence, Sequence } from './sequence.js'
import { type Statistics, Stopwatch } from './statistics.js'
import { buildStoppingCriterion } from './stopping.js'

/** A text as it is, token ids, or a chat, which the model's chat template turns into text. */
export type Prompt = string | readonly number[] | readonly Message[]

/** Arguments of HF's generate() that are no configuration. */
export interface GenerateOptions {
  /** Classifier-free guidance moves away from it; by default from the prompt's last token, as in HF. */
  readonly negativePrompt?: Prompt
  /** Run after HF's processors and before the warpers of sampling. */
  readonly processors?: readonly LogitsProcessor[]
  readonly stoppingCriteria?: readonly StoppingCriterion[]
  readonly prefixAllowedTokensFn?: PrefixAllowedTokens
  /** Most probable tokens to name with each token's log-probability; 0 for the token's alone. */
  readonly logprobs?: number
  /** A Jinja chat template in place of the model's own. */
  readonly chatTemplate?: string
  /** Ends generation: what was written is kept, with the finish reason `interrupted`. */
  readonly signal?: AbortSignal
  /** A sentence about a value that has no effect. */
  readonly onWarning?: (message: string) => void
}

/** New text of one sequence. */
export interface GenerationChunk {
  /** Which of `num_return_sequences`. */
  readonly sequence: number
  /** May be empty: characters and stop strings are printed whole or not at all. */
  readonly text: string
  readonly ids: readonly number[]
}

/** All sequences; the fields of the first one are also its own. */
export interface GenerationResult extends GeneratedSequence {
  readonly sequences: readonly GeneratedSequence[]
  /** As resolved, `seed` included. */
  readonly config: GenerationConfig
  readonly statistics: Statistics
}

/** Values of HF's GenerationConfig, in its field names. */
export type GenerationSettings = { readonly [Field in keyof GenerationConfig]?: unknown }

/** What generation needs of a model. */
export type GenerationModel = Pick<LanguageModel, 'model' | 'tokenizer' | 'generationConfig'>

/**
 * Generates text, in the manner of HF's `model.generate(inputs, generation_config, …)`: iterate over the result for
 * text as it comes, and await `result()` for the whole with its statistics.
 * @param settings GenerationConfig fields, or several layers of them, over the model's own
 * @throws UserError on the first step for settings or prompts that cannot be served
 */
export function generate(
  model: GenerationModel,
  prompt: Prompt,
  settings: GenerationSettings | readonly ConfigLayer[] = {},
  options: GenerateOptions = {},
): Generation {
  const layers = Array.isArray(settings)
    ? (settings as readonly ConfigLayer[])
    : [{ values: settings as Record<string, unknown>, origin: 'the settings' }]
  const interruption = new AbortController()
  const signal = AbortSignal.any([interruption.signal, ...(options.signal ? [options.signal] : [])])
  return new Generation(run(model, prompt, layers, { ...options, signal }), () => interruption.abort())
}

/**
 * A generation in progress; it goes on while it is iterated or its result is awaited. Leaving the iteration ends it as
 * `signal` does.
 */
export class Generation implements AsyncIterable<GenerationChunk> {
  private outcome: (() => GenerationResult) | undefined

  constructor(
    private readonly steps: AsyncGenerator<GenerationChunk, GenerationResult, void>,
    private readonly interrupt: () => void,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationChunk, void, void> {
    let step = await this.next()
    try {
      for (; !step.done; step = await this.next()) yield step.value
    } finally {
      if (!this.outcome) {
        this.interrupt()
        await this.result()
      }
    }
  }

  /** Runs what is left of the generation and gives all of it. */
  async result(): Promise<GenerationResult> {
    while (!this.outcome) await this.next()
    return this.outcome()
  }

  private async next(): Promise<IteratorResult<GenerationChunk, GenerationResult>> {
    try {
      const step = await this.steps.next()
      // A generator tells only once how it ended.
      if (step.done) this.outcome ??= () => step.value
      return step
    } catch (error) {
      this.outcome = () => {
        throw error
      }
      throw error
    }
  }
}

async function* run(
  { model, tokenizer, generationConfig }: GenerationModel,
  prompt: Prompt,
  layers: readonly ConfigLayer[],
  options: GenerateOptions,
): AsyncGenerator<GenerationChunk, GenerationResult, void> {
  const config = resolve([generationConfig, ...layers], options.onWarning)
  for (const layer of layers) checkTokenIds(layer, model.vocabSize)
  const encode = (text: Prompt) => encodePrompt(text, tokenizer, config, options.chatTemplate)
  const promptIds = encode(prompt)
  const stopwatch = new Stopwatch(promptIds.length)
  const context = {
    promptLength: promptIds.length,
    eosTokenIds: config.eos_token_id ?? tokenizer.eosTokenIds,
    maxLength: lengthLimit(config, promptIds.length, model.maxPositions),
    decodeSuffix: (ids: number[]) => tokenizer.decode(ids),
    prefixAllowedTokensFn: options.prefixAllowedTokensFn,
    userProcessors: options.processors,
    userCriteria: options.stoppingCriteria,
  }
  const prefix = prefixOf(promptIds)
  const stop = buildStoppingCriterion(config, context)
  const negative = options.negativePrompt === undefined ? undefined : encode(options.negativePrompt)
  const { target, caches, dispose } = await prefill(model, promptIds, config, negative)
  try {
    const sequences = caches.map(
      () => new Sequence({ config, tokenizer, prompt: prefix, promptIds, stop, logprobs: options.logprobs }),
    )
    const strategies = caches.map((cache, i) => {
      const processors = buildProcessors(config, context)
      const random = createRandom(forkSeed(config.seed, i))
      const limit = context.maxLength
      return strategyFor(config)({ model: target, cache, prompt: prefix, processors, random, limit })
    })
    yield* decode(sequences, strategies, stopwatch, options.signal)
    const results = sequences.map((sequence) => sequence.result())
    return { ...results[0], sequences: results, config, statistics: stopwatch.statistics() }
  } finally {
    dispose()
  }
}

const TOKEN_FIELDS = [
  'bos_token_id',
  'eos_token_id',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'suppress_tokens',
  'begin_suppress_tokens',
] as const

/** @throws UserError for a token that the model does not have; a model's own file may name some. */
function checkTokenIds({ values, origin }: ConfigLayer, vocabSize: number): void {
  for (const field of TOKEN_FIELDS) {
    const unknown = [values[field] ?? []].flat().find((id) => Number(id) >= vocabSize)
    if (unknown === undefined) continue
    throw usageError(
      `${field} in ${origin} names the token ${unknown}, but the model's vocabulary has ${vocabSize}.`,
    )
  }
}

/** The layers' settings, with a fresh seed where they have none. */
function resolve(layers: readonly ConfigLayer[], onWarning: GenerateOptions['onWarning']) {
  const { config, warnings, notices } = resolveGenerationConfig(...layers)
  for (const message of [...warnings, ...notices]) onWarning?.(message)
  return { ...config, seed: config.seed ?? randomInt(2 ** 32) }
}

/** Turns of all live sequences, so that their forward passes run as one and in an order that never varies. */
async function* decode(
  sequences: readonly Sequence[],
  strategies: readonly AsyncGenerator<Step, void, void>[],
  stopwatch: Stopwatch,
  signal: AbortSignal | undefined,
): AsyncGenerator<GenerationChunk, void, void> {
  let live = [...sequences.keys()]
  try {
    while (live.length > 0) {
      if (signal?.aborted) {
        for (const i of live) yield { sequence: i, text: sequences[i].end('interrupted'), ids: [] }
        return
      }
      const steps = await Promise.all(live.map((i) => strategies[i].next()))
      const chunks = live.map((sequence, i) => {
        const { value } = steps[i]
        if (!value) throw new RangeError('A strategy ended before its sequence did.')
        return { sequence, ...sequences[sequence].push(value), value }
      })
      stopwatch.record(
        chunks.map(({ ids, value }) => ({
          tokens: ids.length,
          drafted: value.drafted,
          accepted: value.accepted,
        })),
      )
      for (const { sequence, text, ids } of chunks) yield { sequence, text, ids }
      live = live.filter((i) => !sequences[i].finished)
    }
  } finally {
    await Promise.all(strategies.map((strategy) => strategy.return()))
  }
}

interface Prefilled {
  readonly target: Model
  /** One a sequence. */
  readonly caches: readonly KVCache[]
  dispose(): void
}

/** Several sequences, or the two sides of guidance, are branches of one tree and share the prompt's cache. */
async function prefill(
  model: Model,
  promptIds: readonly number[],
  config: GenerationConfig,
  negative: readonly number[] | undefined,
): Promise<Prefilled> {
  const { num_return_sequences: count, guidance_scale: scale = 1 } = config
  if (scale === 1 && negative) {
    throw usageError(
      'A negative prompt has no effect without guidance: set guidance_scale to another value than 1.',
    )
  }
  if (count === 1 && scale === 1) {
    const cache = model.newCache()
    return { target: model, caches: [cache], dispose: () => cache.dispose() }
  }
  const branching = new BranchingModel(model)
  const dispose = () => branching.dispose()
  try {
    const root = branching.newCache()
    const shared = promptIds.slice(0, -1)
    if (shared.length > 0) {
      const parents = shared.map((_, i) => i - 1)
      await branching.forward(root, shared, parents, [])
    }
    const forks = Array.from({ length: count }, () => root.fork())
    if (scale === 1) return { target: branching, caches: forks, dispose }
    const guided = new GuidedModel(branching, promptIds.length, negative ?? promptIds.slice(-1), scale)
    return { target: guided, caches: forks.map((fork) => guided.newCache(fork)), dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

/** @throws UserError for a prompt without tokens where the model has no BOS to start from. */
function encodePrompt(
  prompt: Prompt,
  tokenizer: LanguageModel['tokenizer'],
  config: GenerationConfig,
  chatTemplate: string | undefined,
): number[] {
  const ids = promptIds(prompt, tokenizer, chatTemplate)
  if (ids.length > 0) return ids
  // HF starts an empty prompt with BOS.
  if (config.bos_token_id !== undefined) return [config.bos_token_id]
  throw usageError('The prompt is empty, and the model has no beginning-of-sequence token: give some text.')
}

function promptIds(prompt: Prompt, tokenizer: LanguageModel['tokenizer'], chatTemplate?: string): number[] {
  if (typeof prompt === 'string') return tokenizer.encode(prompt)
  if (isTokenIds(prompt)) return [...prompt]
  const text = tokenizer.applyChatTemplate(prompt, { addGenerationPrompt: true, chatTemplate })
  return tokenizer.encode(text, { addSpecialTokens: false })
}

function isTokenIds(prompt: readonly number[] | readonly Message[]): prompt is readonly number[] {
  return prompt.every((item) => typeof item === 'number')
}
