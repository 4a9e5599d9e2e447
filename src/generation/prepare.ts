import { randomInt } from 'node:crypto'
import {
  type ConfigLayer,
  type GenerationConfig,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../config/index.js'
import { usageError } from '../errors.js'
import type { GenerateOptions, GenerationModel } from './options.js'
import { encodePrompt, isChat, type Prompt } from './prompt.js'
import { thinkingProcessor } from './thinking.js'
import { type HealedPrompt, healPrompt } from './token-healing.js'
import { withWordIds } from './word-ids.js'

/** What a generation starts from: settings resolved, the prompt in tokens; both once. */
export interface Prepared extends ResolvedConfig, HealedPrompt {
  /** A fresh seed where the settings have none. */
  readonly config: GenerationConfig & { readonly seed: number }
  /** Tokens of the whole prompt, from which healing may have taken one. */
  readonly promptLength: number
}

/**
 * The same from settings in layers over the model's own, of which the caller is told what has no effect.
 * @throws UserError as `resolveGenerationConfig` and `encodePrompt`
 */
export function prepareFrom(
  model: GenerationModel,
  prompt: Prompt,
  layers: readonly ConfigLayer[],
  { chatTemplate, onWarning }: Pick<GenerateOptions, 'chatTemplate' | 'onWarning'>,
): Prepared {
  const resolved = resolveGenerationConfig(model.generationConfig, ...layers)
  for (const message of [...resolved.warnings, ...resolved.notices]) onWarning?.(message)
  return prepare(model, prompt, resolved, chatTemplate)
}

/** @throws UserError as `encodePrompt` */
export function prepare(
  model: GenerationModel,
  prompt: Prompt,
  settings: ResolvedConfig,
  chatTemplate?: string,
): Prepared {
  const { tokenizer } = model
  const config = withWordIds(settings.config, tokenizer, model.model.vocabSize)
  if (config.enable_thinking !== undefined && !isChat(prompt)) {
    throw usageError('enable_thinking is a switch of chat templates: give a chat, or leave it out.')
  }
  const ids = promptTokens(model, prompt, config, chatTemplate)
  const healed = config.token_healing
    ? healPrompt(ids, tokenizer, model.model.vocabSize)
    : { ids, overlap: 0, processors: [] }
  const thinking = thinkingProcessor(config, tokenizer, healed.ids, chatTemplate)
  const processors = [...healed.processors, ...(thinking ? [thinking] : [])]
  const seed = config.seed ?? randomInt(2 ** 32)
  return { ...settings, ...healed, processors, config: { ...config, seed }, promptLength: ids.length }
}

/** @throws UserError as `encodePrompt` */
export function promptTokens(
  { model: { maxPositions, longContext }, tokenizer }: GenerationModel,
  prompt: Prompt,
  { bos_token_id: bosTokenId, enable_thinking: enableThinking }: GenerationConfig,
  chatTemplate?: string,
): number[] {
  return encodePrompt(prompt, {
    tokenizer,
    chatTemplate,
    enableThinking,
    bosTokenId,
    maxPositions,
    longContext,
  })
}
