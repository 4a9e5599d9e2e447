import {
  type ConfigLayer,
  type GenerationConfig,
  lengthLimit,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../config/index.js'
import { type GenerationSettings, layersOf } from '../config/settings.js'
import { usageError } from '../errors.js'
import type { GenerateOptions, GenerationModel } from '../generation/options.js'
import { encodePrompt, type Prompt } from '../generation/prompt.js'

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
export interface PreparedRequest extends Pick<ResolvedConfig, 'config' | 'warnings'> {
  /** Tokens of the prompt. */
  readonly ids: readonly number[]
  readonly layers: readonly ConfigLayer[]
  readonly options: RequestOptions
  /** The most tokens that it will have in the cache: the prompt's, and all new ones of each sequence or beam. */
  readonly tokens: number
}

/** @throws UserError for settings or a prompt that cannot be served */
export function prepare(
  { model, tokenizer, generationConfig }: GenerationModel,
  { prompt, settings = {}, options = {} }: EngineRequest,
): PreparedRequest {
  const layers = layersOf(settings)
  const { config, warnings } = resolveGenerationConfig(generationConfig, ...layers)
  const { vocabSize, maxPositions } = model
  const { chatTemplate } = options
  const ids = encodePrompt(prompt, { tokenizer, chatTemplate, bosTokenId: config.bos_token_id, maxPositions })
  const unknown = ids.find((id) => id >= vocabSize)
  if (unknown !== undefined) {
    throw usageError(`The prompt has the token ${unknown}, but the model's vocabulary has ${vocabSize}.`)
  }
  return { ids, layers, options, config, warnings, tokens: tokensInFlight(config, ids.length, maxPositions) }
}

/** Beams and sequences share the prompt; guidance follows another one beside each. */
function tokensInFlight(config: GenerationConfig, promptLength: number, maxPositions: number): number {
  const sides = (config.guidance_scale ?? 1) === 1 ? 1 : 2
  const sequences = Math.max(config.num_beams, config.num_return_sequences)
  const newTokens = lengthLimit(config, promptLength, maxPositions) - promptLength
  return promptLength + sides * sequences * newTokens
}
