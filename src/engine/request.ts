import { type ConfigLayer, type GenerationConfig, lengthLimit, sequenceCount } from '../config/index.js'
import type { ContextLength } from '../config/length.js'
import { type GenerationSettings, layersOf } from '../config/settings.js'
import { usageError } from '../errors.js'
import type { GenerateOptions, GenerationModel } from '../generation/options.js'
import { type Prepared, prepareFrom } from '../generation/prepare.js'
import type { Prompt } from '../generation/prompt.js'

/** Caches are the engine's. */
type RequestOptions = Omit<GenerateOptions, 'pastKeyValues'>

/** What `generate` is given. */
export interface EngineRequest {
  readonly prompt: Prompt
  readonly settings?: GenerationSettings | readonly ConfigLayer[]
  /** `signal` ends this request alone. */
  readonly options?: RequestOptions
}

/** A request that is ready to be decoded. */
export interface PreparedRequest extends Prepared {
  readonly options: RequestOptions
  /** The most tokens that it will have in the cache: the prompt's, and all new ones of each sequence or beam. */
  readonly tokens: number
}

/** @throws UserError for settings or a prompt that cannot be served */
export function prepareRequest(
  target: GenerationModel,
  { prompt, settings = {}, options = {} }: EngineRequest,
): PreparedRequest {
  return requestFor(target, prepareFrom(target, prompt, layersOf(settings), options), options)
}

/** @throws UserError for a prompt with a token that the model does not have */
export function requestFor(
  { model }: Pick<GenerationModel, 'model'>,
  prepared: Prepared,
  options: RequestOptions,
): PreparedRequest {
  const { config, promptLength, ids } = prepared
  const { vocabSize } = model
  const unknown = ids.find((id) => id >= vocabSize)
  if (unknown !== undefined) {
    throw usageError(`The prompt has the token ${unknown}, but the model's vocabulary has ${vocabSize}.`)
  }
  return { ...prepared, options, tokens: tokensInFlight(config, promptLength, model) }
}

/** Beams and sequences share the prompt; guidance follows another one beside each. */
function tokensInFlight(config: GenerationConfig, promptLength: number, context: ContextLength): number {
  const sides = (config.guidance_scale ?? 1) === 1 ? 1 : 2
  const sequences = Math.max(config.num_beams, sequenceCount(config))
  const newTokens = lengthLimit(config, promptLength, context) - promptLength
  return promptLength + sides * sequences * newTokens
}
