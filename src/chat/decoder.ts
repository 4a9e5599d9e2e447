import type { ConfigLayer } from '../config/index.js'
import { KeepingModel } from '../engine/keeping-model.js'
import { usageError } from '../errors.js'
import { type Generation, generatePrepared } from '../generation/generate.js'
import { prepare } from '../generation/prepare.js'
import type { Prompt } from '../generation/prompt.js'
import type { LanguageModel } from '../language-model/load.js'
import { isLoadedFor } from '../scores/dola.js'
import type { ChatMessage, ChatState } from './chat-file.js'
import { type CheckedSettings, checkSettings, type Settings, withAnswerLength } from './settings.js'
import type { ChatStrategy, IsSet } from './strategies.js'

export interface DecoderOptions {
  /** A Jinja chat template in place of the model's own. */
  readonly chatTemplate?: string
  /** Takes no notice of the chat template: texts are continued. */
  readonly raw?: boolean
  /** What guidance moves away from. */
  readonly negativePrompt?: string
}

/** Generates a chat's answers with one model, whose cache goes on from turn to turn. */
export class ChatDecoder {
  readonly keeping: KeepingModel
  /** The model author's settings. */
  private readonly own: ConfigLayer
  /** Whether there is a chat template. */
  readonly isChat: boolean

  constructor(
    private readonly model: LanguageModel,
    private readonly options: DecoderOptions,
  ) {
    const { chatTemplate, raw } = options
    this.keeping = new KeepingModel(model.model)
    this.own = withAnswerLength(model.generationConfig)
    this.isChat = !raw && (chatTemplate !== undefined || model.tokenizer.hasChatTemplate)
  }

  /** @throws UserError as `checkSettings`, and for early exits that the model was loaded without */
  check(settings: Settings, strategy: ChatStrategy): CheckedSettings {
    const checked = checkSettings(this.own, settings, strategy)
    const { config } = checked.resolved
    if (isLoadedFor(this.model, config)) return checked
    throw usageError(
      `The model was loaded without the early exits of dola_layers ${JSON.stringify(config.dola_layers)}: start the chat with --dola-layers.`,
    )
  }

  /** The answer to `messages`, whose last one is the user's. */
  generate(
    { settings, system, seed, answers }: ChatState,
    messages: readonly ChatMessage[],
    strategy: ChatStrategy,
    { resolved }: CheckedSettings,
    signal: AbortSignal,
  ): Generation {
    const { chatTemplate, negativePrompt } = this.options
    const isSet: IsSet = (fields) =>
      [this.own.values, settings].some((values) => fields.some((field) => values[field] !== undefined))
    const options = strategy.options(resolved.config, isSet)
    const seeded = { ...resolved, config: { ...resolved.config, seed: seed + answers } }
    const model = { ...this.model, model: this.keeping }
    const prompt = this.isChat ? chatOf(messages, system) : textOf(messages)
    const prepared = prepare(model, prompt, seeded, chatTemplate)
    return generatePrepared(model, prepared, { ...options, chatTemplate, negativePrompt, signal })
  }
}

function chatOf(messages: readonly ChatMessage[], system: string | undefined): Prompt {
  return system === undefined ? messages : [{ role: 'system', content: system }, ...messages]
}

function textOf(messages: readonly ChatMessage[]): string {
  return messages.map(({ content }) => content).join('')
}
