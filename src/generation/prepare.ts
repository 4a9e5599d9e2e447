import { randomInt } from 'node:crypto'
import {
  type ConfigLayer,
  type GenerationConfig,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../config/index.js'
import { isHeld } from '../config/structured.js'
import { usageError } from '../errors.js'
import type { GenerateOptions, GenerationModel } from './options.js'
import { encodePrompt, isChat, type Prompt } from './prompt.js'
import { type Thinking, thinkingOf } from './thinking.js'
import { type HealedPrompt, healPrompt } from './token-healing.js'
import { toldLanguage } from './told-language.js'
import { toldTools } from './told-tools.js'
import { withConstraint } from './typed-values.js'
import { withWordIds } from './word-ids.js'

/** What a generation starts from: settings resolved, the prompt in tokens; both once. */
export interface Prepared extends ResolvedConfig, HealedPrompt {
  /** A fresh seed where the settings have none. */
  readonly config: GenerationConfig & { readonly seed: number }
  /** Tokens of the whole prompt, from which healing may have taken one. */
  readonly promptLength: number
  /** Present where something bounds it, or a language begins after it. */
  readonly thinking?: Thinking
}

/**
 * The same from settings in layers over the model's own, of which the caller is told what has no effect.
 * @throws UserError as `resolveGenerationConfig` and `encodePrompt`
 */
export function prepareFrom(
  model: GenerationModel,
  prompt: Prompt,
  layers: readonly ConfigLayer[],
  { chatTemplate, constraint, onWarning }: Pick<GenerateOptions, 'chatTemplate' | 'constraint' | 'onWarning'>,
): Prepared {
  const resolved = resolveGenerationConfig(model.generationConfig, ...withConstraint(layers, constraint))
  const prepared = prepare(model, prompt, resolved, chatTemplate)
  for (const message of [...prepared.warnings, ...prepared.notices]) onWarning?.(message)
  return prepared
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
  const { tools, ...asked } = toldTools(toldLanguage(prompt, config), config, tokenizer, chatTemplate)
  const ids = promptTokens(model, asked.prompt, asked.config, chatTemplate, tools)
  const healed = config.token_healing
    ? healPrompt(ids, tokenizer, model.model.vocabSize)
    : { ids, overlap: 0, processors: [] }
  const thinking = thinkingOf(config, tokenizer, {
    ids: healed.ids,
    isChat: isChat(prompt),
    template: chatTemplate,
    isHeld: isHeld(config),
  })
  const seed = config.seed ?? randomInt(2 ** 32)
  return { ...settings, ...healed, thinking, config: { ...asked.config, seed }, promptLength: ids.length }
}

/** @throws UserError as `encodePrompt` */
export function promptTokens(
  { model: { maxPositions, longContext }, tokenizer }: GenerationModel,
  prompt: Prompt,
  { bos_token_id: bosTokenId, enable_thinking: enableThinking }: GenerationConfig,
  chatTemplate?: string,
  tools?: readonly Record<string, unknown>[],
): number[] {
  return encodePrompt(prompt, {
    tokenizer,
    chatTemplate,
    enableThinking,
    tools,
    bosTokenId,
    maxPositions,
    longContext,
  })
}
