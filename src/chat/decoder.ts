import type { ConfigLayer } from '../config/index.js'
import { isHeld } from '../config/structured.js'
import { Engine } from '../engine/engine.js'
import { requestFor } from '../engine/request.js'
import type { Submission } from '../engine/ticket.js'
import { usageError } from '../errors.js'
import { AMATEUR_FIELDS, type Amateur, refuseBesideAmateur } from '../generation/amateur.js'
import { type Assistant, refuseFields } from '../generation/assistant.js'
import { prepare } from '../generation/prepare.js'
import type { Prompt } from '../generation/prompt.js'
import type { LanguageModel } from '../language-model/load.js'
import { isLoadedFor } from '../scores/dola.js'
import type { ChatMessage, ChatState } from './chat-file.js'
import { type CheckedSettings, checkChatSettings, type Settings, withAnswerLength } from './settings.js'
import type { ChatStrategy, IsSet } from './strategies.js'

export interface DecoderOptions {
  /** A Jinja chat template in place of the model's own. */
  readonly chatTemplate?: string
  /** Takes no notice of the chat template: texts are continued. */
  readonly raw?: boolean
  /** What guidance moves away from. */
  readonly negativePrompt?: string
  /** Contrastive decoding: its log-probabilities are taken from the model's. */
  readonly amateur?: Amateur
}

/** Generates a chat's answers with one model, whose cache goes on from turn to turn. */
export class ChatDecoder {
  readonly engine: Engine
  /** The model author's settings. */
  private readonly own: ConfigLayer
  /** Drafted the last answer. */
  private assistant: Assistant | undefined
  /** Whether there is a chat template. */
  readonly isChat: boolean

  constructor(
    private readonly model: LanguageModel,
    private readonly options: DecoderOptions,
  ) {
    const { chatTemplate, raw } = options
    this.own = withAnswerLength(model.generationConfig)
    this.engine = new Engine({ ...model, generationConfig: this.own })
    this.isChat = !raw && (chatTemplate !== undefined || model.tokenizer.hasChatTemplate)
  }

  /** @throws UserError as `checkSettings` and `heldOf`, and for early exits that the model was loaded without */
  async check(settings: Settings, strategy: ChatStrategy): Promise<CheckedSettings> {
    const checked = checkChatSettings(this.own, settings, strategy)
    const { config } = checked.resolved
    if (this.options.amateur) refuseBesideAmateur(config)
    else refuseFields(checked.resolved.layers.slice(1), AMATEUR_FIELDS, 'without --amateur-model: give one')
    if (!isLoadedFor(this.model, config)) {
      throw usageError(
        `The model was loaded without the early exits of dola_layers ${JSON.stringify(config.dola_layers)}: start the chat with --dola-layers.`,
      )
    }
    if (!isHeld(config)) return checked
    const { heldOf } = await import('../generation/constraint.js')
    const { notices = [] } = (await heldOf(config, this.model)).language
    return { ...checked, notes: [...checked.notes, ...notices] }
  }

  /** The answer to `messages`, whose last one is the user's, or a tool's. */
  generate(
    { settings, system, seed, answers }: ChatState,
    messages: readonly ChatMessage[],
    strategy: ChatStrategy,
    { resolved }: CheckedSettings,
    signal: AbortSignal,
    hasResults = false,
  ): Submission {
    const { chatTemplate, negativePrompt, amateur } = this.options
    const isSet: IsSet = (fields) =>
      [this.own.values, settings].some((values) => fields.some((field) => values[field] !== undefined))
    const options = strategy.options(resolved.config, isSet)
    const { assistant } = options
    if (assistant !== this.assistant) this.forgetAssistant()
    this.assistant = assistant
    // After a result it is the model that says whether others are called.
    const choice = hasResults ? { tool_choice: 'auto' } : {}
    const seeded = { ...resolved, config: { ...resolved.config, ...choice, seed: seed + answers } }
    const prompt = this.isChat ? chatOf(messages, system) : textOf(messages)
    const prepared = prepare(this.model, prompt, seeded, chatTemplate)
    const given = { ...options, chatTemplate, negativePrompt, amateur, signal }
    return this.engine.submit(requestFor(this.model, prepared, given))
  }

  /** Frees the caches of the model that drafted, before it is disposed of. */
  forgetAssistant(): void {
    if (this.assistant) this.engine.forget(this.assistant.model)
    this.assistant = undefined
  }
}

function chatOf(messages: readonly ChatMessage[], system: string | undefined): Prompt {
  return system === undefined ? messages : [{ role: 'system', content: system }, ...messages]
}

function textOf(messages: readonly ChatMessage[]): string {
  return messages.map(({ content }) => content).join('')
}
