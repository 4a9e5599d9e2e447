import { type GenerationConfig, lengthLimit, sequenceCount } from '../config/index.js'
import type { ConfigLayer } from '../config/layers.js'
import { type GenerationSettings, layersOf, requireKnownOptions } from '../config/settings.js'
import { checkTokenIds } from '../config/token-ids.js'
import { usageError } from '../errors.js'
import type { Model } from '../model/model.js'
import { prefixOf } from '../model/prefix.js'
import type { DecoderSpec } from '../models/spec.js'
import { createRandom, forkSeed, keyedRandom } from '../random.js'
import { DolaModel, dolaLayers } from '../scores/dola.js'
import { buildProcessors } from '../scores/processors/index.js'
import type { StoppingCriterion } from '../strategies/strategy.js'
import { AMATEUR_FIELDS, requireAmateurOf } from './amateur.js'
import { fitAssistant, refuseFields, refuseIdleFields } from './assistant.js'
import { checkBestOf, chooseSample, choosesByLogprob } from './best-of.js'
import { decode, decodeSearch, interrupted } from './decode.js'
import { beamTexts } from './live-beams.js'
import { requireMemory } from './memory.js'
import type { GenerateOptions, GenerationChunk, GenerationModel, GenerationResult } from './options.js'
import { type Prefilled, prefill } from './prefill.js'
import { type Prepared, prepareFrom, promptTokens } from './prepare.js'
import type { Prompt } from './prompt.js'
import { keepsHidden, Sequence, tokenRecorder } from './sequence.js'
import { requireServed } from './served.js'
import { Stopwatch } from './statistics.js'
import { anyOf, buildStoppingCriterion } from './stopping.js'
import { strategyFor } from './strategy.js'
import { topKOf, wanting } from './top-k.js'

export type { GenerationSettings, Prompt }

/** Held to the interface, so that none is forgotten. */
const OPTIONS: Readonly<Record<keyof GenerateOptions, true>> = {
  negativePrompt: true,
  processors: true,
  stoppingCriteria: true,
  prefixAllowedTokensFn: true,
  logprobs: true,
  scoreSample: true,
  chatTemplate: true,
  pastKeyValues: true,
  signal: true,
  strategy: true,
  createDrafter: true,
  createControl: true,
  verifier: true,
  assistant: true,
  amateur: true,
  lookupCorpus: true,
  onBeams: true,
  onWarning: true,
}

/**
 * Generates text, in the manner of HF's `model.generate(inputs, generation_config, …)`: iterate over the result for
 * text as it comes, and await `result()` for the whole with its statistics.
 * @param settings GenerationConfig fields, or several layers of them, over the model's own
 * @throws UserError for an option that is not known, and on the first step for settings or prompts that cannot be served
 */
export function generate(
  model: GenerationModel,
  prompt: Prompt,
  settings: GenerationSettings | readonly ConfigLayer[] = {},
  options: GenerateOptions = {},
): Generation {
  requireKnownOptions(options, OPTIONS, 'generate()')
  return start(model, options, () => prepareFrom(model, prompt, layersOf(settings), options))
}

/**
 * Generates from what is prepared already; whoever did so has seen its warnings.
 * @throws UserError as `generate`
 */
export function generatePrepared(
  model: GenerationModel,
  prepared: Prepared,
  options: GenerateOptions = {},
): Generation {
  requireKnownOptions(options, OPTIONS, 'generate()')
  return start(model, options, () => prepared)
}

function start(model: GenerationModel, options: GenerateOptions, prepared: () => Prepared): Generation {
  const interruption = new AbortController()
  const signal = AbortSignal.any([interruption.signal, ...(options.signal ? [options.signal] : [])])
  return new Generation(run(model, prepared, { ...options, signal }), () => interruption.abort())
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
  model: GenerationModel,
  prepared: () => Prepared,
  options: GenerateOptions,
): AsyncGenerator<GenerationChunk, GenerationResult, void> {
  const plan = planOf(model, prepared(), options)
  const { config, context, parts, strategy, stopwatch } = plan
  const count = sequenceCount(config)
  const { signal, pastKeyValues: past, amateur } = options
  const sequences = Array.from({ length: count }, () => new Sequence(parts))
  let prefilled: Prefilled | undefined
  try {
    const branches = 'search' in strategy ? 1 : count
    const given = { negative: plan.negative, amateur: amateur?.model, past, signal }
    prefilled = await prefill(model.model, parts.promptIds, config, branches, given)
    const decoded = wanting(contrasted(prefilled.target, config, model.spec), {
      states: keepsHidden(config) ? ['hidden'] : [],
      signal,
    })
    const requests = prefilled.caches.map((cache, i) => ({
      model: decoded,
      cache,
      prompt: parts.prompt,
      processors: buildProcessors(config, {
        ...context,
        randomAt: keyedRandom(forkSeed(config.seed, PROCESSORS + i)),
      }),
      random: createRandom(forkSeed(config.seed, i)),
      draftRandom: createRandom(forkSeed(config.seed, DRAFTERS + i)),
      limit: context.maxLength,
      topK: topKOf(config, context, { ...options, logprobs: parts.logprobs }),
    }))
    if ('search' in strategy) {
      const isInterrupted: StoppingCriterion = () => (signal?.aborted ? 'interrupted' : undefined)
      const stop = anyOf([isInterrupted, parts.stop])
      const request = { ...requests[0], stop, count, record: tokenRecorder(parts) }
      const show =
        options.onBeams && beamTexts(options.onBeams, model.tokenizer, parts.promptIds, parts.overlap)
      yield* decodeSearch(strategy, request, sequences, stopwatch, show)
    } else {
      const chunks = decode(sequences, requests.map(strategy), stopwatch, signal)
      // Nothing is said before it is known which one is.
      for await (const chunk of chunks) if (config.best_of === undefined) yield chunk
    }
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error
    yield* interrupted(sequences)
  } finally {
    prefilled?.dispose()
  }
  // A search may find fewer than are asked for.
  const results = sequences.filter(({ finished }) => finished).map((sequence) => sequence.result())
  const end = { config, statistics: stopwatch.statistics() }
  if (config.best_of === undefined) return { ...results[0], sequences: results, ...end }
  const best = await chooseSample(results, config, options)
  const { score: _, answer: __, ...sequence } = best.samples[best.chosen]
  yield { sequence: 0, text: sequence.text, ids: sequence.ids, drafted: 0 }
  return { ...sequence, sequences: [sequence], ...best, ...end }
}

/** What is known before the first pass. @throws UserError for settings or prompts that cannot be served */
function planOf(target: GenerationModel, prepared: Prepared, options: GenerateOptions) {
  const { model, tokenizer, spec, path } = target
  const { config, promptLength, ids, overlap } = prepared
  const { assistant: drafting, createDrafter } = options
  const isDrafted = (drafting ?? createDrafter) !== undefined
  const wants = { config, isAssisted: drafting !== undefined, isDrafted }
  requireServed(model.lacks, path ?? 'the model', wants)
  if (drafting) requireServed({ trees: drafting.model.lacks?.trees }, drafting.path, wants)
  const layers = prepared.layers.filter(({ fromModel }) => !fromModel)
  for (const layer of layers) checkTokenIds(layer, model.vocabSize)
  checkBestOf(config, options)
  const { chatTemplate, negativePrompt, amateur } = options
  const logprobs = options.logprobs ?? (choosesByLogprob(config, options) ? 0 : undefined)
  const { vocabSize } = model
  const shortest = amateur && amateur.model.maxPositions < model.maxPositions ? amateur.model : model
  const maxLength = lengthLimit(config, promptLength, shortest)
  requireMemory(config, { promptLength, maxLength, vocabSize, spec })
  const stopwatch = new Stopwatch(promptLength)
  const eosTokenIds = config.eos_token_id ?? tokenizer.eosTokenIds
  const context = {
    promptLength,
    eosTokenIds,
    maxLength,
    tokenizer,
    decodeSuffix: (ids: number[]) => tokenizer.decode(ids),
    prefixAllowedTokensFn: options.prefixAllowedTokensFn,
    userProcessors: [...prepared.processors, ...(options.processors ?? [])],
    userCriteria: options.stoppingCriteria,
  }
  const stop = buildStoppingCriterion(config, context)
  const negative =
    negativePrompt === undefined ? undefined : promptTokens(target, negativePrompt, config, chatTemplate)
  const assistant =
    options.assistant && fitAssistant(options.assistant, { path: path ?? 'the model', model, tokenizer })
  refuseIdleFields(layers, assistant)
  if (amateur) requireAmateurOf({ path: path ?? 'the model', model, tokenizer }, amateur)
  else refuseFields(layers, AMATEUR_FIELDS, 'without an amateur model: give one')
  const strategy = strategyFor(config, { ...options, assistant, eosTokenIds })
  const parts = { config, tokenizer, prompt: prefixOf(ids), promptIds: ids, overlap, stop, logprobs }
  return { config, context, parts, negative, strategy, stopwatch }
}

/** @throws UserError for `dola_layers` that the model does not give */
function contrasted(model: Model, { dola_layers }: GenerationConfig, spec: DecoderSpec | undefined): Model {
  if (dola_layers === undefined) return model
  if (!spec) throw usageError('dola_layers needs the specification of the model: pass it as spec.')
  return new DolaModel(model, dolaLayers(dola_layers, spec))
}

/** Where the streams of random numbers for drafters begin: behind those of all sequences. */
const DRAFTERS = 2 ** 32
/** The same for processors, behind those. */
const PROCESSORS = 2 * DRAFTERS
