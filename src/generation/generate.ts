import { type GenerationConfig, sequenceCount } from '../config/index.js'
import type { ConfigLayer } from '../config/layers.js'
import { type GenerationSettings, layersOf, requireKnownOptions } from '../config/settings.js'
import { usageError } from '../errors.js'
import type { Model } from '../model/model.js'
import type { DecoderSpec } from '../models/spec.js'
import { createRandom, forkSeed, keyedRandom } from '../random.js'
import { DolaModel, dolaLayers } from '../scores/dola.js'
import { buildProcessors } from '../scores/processors/index.js'
import type { StoppingCriterion } from '../strategies/strategy.js'
import { chooseSample } from './best-of.js'
import { decode, decodeSearch, interrupted } from './decode.js'
import { beamTexts } from './live-beams.js'
import type { GenerateOptions, GenerationChunk, GenerationModel, GenerationResult } from './options.js'
import { prefill } from './prefill.js'
import { type Prepared, prepareFrom } from './prepare.js'
import type { Prompt } from './prompt.js'
import { keepsHidden, Sequence, tokenRecorder } from './sequence.js'
import { type Setup, setUp } from './setup.js'
import { anyOf } from './stopping.js'
import { topKOf, wanting } from './top-k.js'
import { requireConstrained, typedValues } from './typed-values.js'

export type { GenerationSettings, Prompt }

/** Held to the interface, so that none is forgotten. */
const OPTIONS: Readonly<Record<keyof GenerateOptions, true>> = {
  constraint: true,
  negativePrompt: true,
  processors: true,
  stoppingCriteria: true,
  prefixAllowedTokensFn: true,
  logprobs: true,
  maskedMass: true,
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
export function generate<Value = unknown>(
  model: GenerationModel,
  prompt: Prompt,
  settings: GenerationSettings | readonly ConfigLayer[] = {},
  options: GenerateOptions<Value> = {},
): Generation<Value> {
  requireKnownOptions(options, OPTIONS, 'generate()')
  return start(model, options, () => prepareFrom(model, prompt, layersOf(settings), options))
}

/**
 * Generates from what is prepared already; whoever did so has seen its warnings.
 * @throws UserError as `generate`
 */
export function generatePrepared<Value = unknown>(
  model: GenerationModel,
  prepared: Prepared,
  options: GenerateOptions<Value> = {},
): Generation<Value> {
  requireKnownOptions(options, OPTIONS, 'generate()')
  requireConstrained(prepared.layers, options.constraint)
  return start(model, options, () => prepared)
}

function start<Value>(
  model: GenerationModel,
  options: GenerateOptions<Value>,
  prepared: () => Prepared,
): Generation<Value> {
  const interruption = new AbortController()
  const signal = AbortSignal.any([interruption.signal, ...(options.signal ? [options.signal] : [])])
  const steps = run(model, prepared, { ...options, signal })
  return new Generation(steps as Steps<Value>, () => interruption.abort())
}

type Steps<Value = unknown> = AsyncGenerator<GenerationChunk, GenerationResult<Value>, void>

/**
 * A generation in progress; it goes on while it is iterated or its result is awaited. Leaving the iteration ends it as
 * `signal` does.
 */
export class Generation<Value = unknown> implements AsyncIterable<GenerationChunk> {
  private outcome: (() => GenerationResult<Value>) | undefined

  constructor(
    private readonly steps: Steps<Value>,
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
  async result(): Promise<GenerationResult<Value>> {
    while (!this.outcome) await this.next()
    return this.outcome()
  }

  private async next(): Promise<IteratorResult<GenerationChunk, GenerationResult<Value>>> {
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

async function* run(model: GenerationModel, prepared: () => Prepared, options: GenerateOptions): Steps {
  const plan = await setUp(model, prepared(), options)
  const { config, stopwatch, constraint } = plan
  const { signal } = options
  const sequences = Array.from({ length: sequenceCount(config) }, () => new Sequence(plan.parts))
  try {
    if (constraint?.isEmpty) {
      for (const sequence of sequences) sequence.end('eos')
      options.pastKeyValues?.dispose()
    } else yield* decoded(model, plan, sequences, options)
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error
    yield* interrupted(sequences)
  }
  const finished = sequences.filter(({ finished }) => finished)
  if (finished.length < sequences.length && !signal?.aborted) {
    const found = finished.length === 1 ? '1 text was' : `${finished.length} texts were`
    options.onWarning?.(
      `${found} found, though num_return_sequences is ${sequences.length}: the beams have no other.`,
    )
  }
  const ended = finished
    .map((sequence) => sequence.result())
    .map((result) => ({ ...result, ...(result.finish_reason !== 'stop' && constraint?.valueOf(result.ids)) }))
  const results = await typedValues(ended, options.constraint, options.onWarning)
  const end = { config, statistics: { ...stopwatch.statistics(), ...constraint?.statistics } }
  if (config.best_of === undefined) return { ...results[0], sequences: results, ...end }
  const best = await chooseSample(results, config, options)
  const { score: _, answer: __, ...sequence } = best.samples[best.chosen]
  yield { sequence: 0, text: sequence.text, ids: sequence.ids, drafted: 0 }
  return { ...sequence, sequences: [sequence], ...best, ...end }
}

/** Decodes all sequences, which hold their results at the end. */
async function* decoded(
  model: GenerationModel,
  { config, processing, parts, negative, strategy, stopwatch, constraint }: Setup,
  sequences: readonly Sequence[],
  options: GenerateOptions,
): AsyncGenerator<GenerationChunk, void, void> {
  const count = sequences.length
  const { signal, pastKeyValues: past, amateur } = options
  const branches = 'search' in strategy ? 1 : count
  const given = { negative, amateur: amateur?.model, past, signal }
  const prefilled = await prefill(model.model, parts.promptIds, config, branches, given)
  try {
    const target = wanting(contrasted(prefilled.target, config, model.spec), {
      states: keepsHidden(config) ? ['hidden'] : [],
      signal,
    })
    const requests = prefilled.caches.map((cache, i) => ({
      model: target,
      cache,
      prompt: parts.prompt,
      processors: buildProcessors(config, {
        ...processing,
        randomAt: keyedRandom(forkSeed(config.seed, PROCESSORS + i)),
      }),
      random: createRandom(forkSeed(config.seed, i)),
      draftRandom: createRandom(forkSeed(config.seed, DRAFTERS + i)),
      limit: processing.maxLength,
      possible: constraint?.processors.mask,
      topK: topKOf(config, processing, { ...options, logprobs: parts.logprobs }),
    }))
    if ('search' in strategy) {
      const isInterrupted: StoppingCriterion = () => (signal?.aborted ? 'interrupted' : undefined)
      const stop = anyOf([isInterrupted, parts.stop])
      const request = { ...requests[0], stop, count, record: tokenRecorder(parts) }
      const show = options.onBeams && beamTexts(options.onBeams, model.tokenizer, parts)
      yield* decodeSearch(strategy, request, sequences, stopwatch, show)
    } else {
      const chunks = decode(sequences, requests.map(strategy), stopwatch, signal)
      // Nothing is said before it is known which one is.
      for await (const chunk of chunks) if (config.best_of === undefined) yield chunk
    }
  } finally {
    prefilled.dispose()
  }
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
