import { randomInt } from 'node:crypto'
import type { GenerationConfig, GenerationField } from '../config/index.js'
import type { ContextLength } from '../config/length.js'
import { usageError } from '../errors.js'
import type { GenerationChunk, GenerationResult } from '../generation/options.js'
import { modelFingerprint } from '../language-model/fingerprint.js'
import type { LanguageModel } from '../language-model/load.js'
import { toolsOf } from '../tools/asked.js'
import type { ToolDefinition } from '../tools/definitions.js'
import { type ChatMessage, type ChatState, readChatFile, writeChatFile } from './chat-file.js'
import { ChatDecoder } from './decoder.js'
import type { ChatOptions } from './options.js'
import { type CheckedSettings, requireField, type Settings, settingFromText } from './settings.js'
import { ChatStatistics } from './statistics.js'
import { type ChatStrategy, isChatStrategy, loadChatStrategy, refuseContradiction } from './strategies.js'
import { type ToolResult, ToolTurn } from './tool-turn.js'

/** A chat with a model: what was said, how it is decoded, and the cache that goes on from turn to turn. */
export class ChatSession {
  readonly statistics = new ChatStatistics()
  private readonly decoder: ChatDecoder
  private stopper: AbortController | undefined
  /** Calls of the last answer. */
  readonly toolTurn = new ToolTurn()
  private state: ChatState
  /** Set by `begin`. */
  private checked!: CheckedSettings

  private constructor(
    private readonly model: LanguageModel,
    private readonly options: ChatOptions,
    private strategy: ChatStrategy,
    settings: Settings,
  ) {
    this.decoder = new ChatDecoder(model, options)
    const { seed = randomInt(2 ** 32), ...others } = settings
    const begun = { messages: [], strategy: strategy.name, settings: others, seed: Number(seed), answers: 0 }
    this.state = { ...begun, system: options.system }
  }

  /**
   * Begins a chat; the caller disposes of the model.
   * @throws UserError as `loadChatStrategy` and `ChatDecoder.check`, and for a system prompt without a template
   */
  static async begin(model: LanguageModel, options: ChatOptions): Promise<ChatSession> {
    const { settings = {}, strategy: name = 'default' } = options
    const strategy = await loadChatStrategy(name, {
      model,
      earlyExit: settings.assistant_early_exit as number | undefined,
      ...options.sources,
    })
    const session = new ChatSession(model, options, strategy, settings)
    try {
      if (options.system !== undefined) session.requireTemplate()
      refuseContradiction(strategy, settings)
      await session.use({}, strategy)
      return session
    } catch (error) {
      await session.dispose()
      throw error
    }
  }

  get messages(): readonly ChatMessage[] {
    return this.state.messages
  }

  get system(): string | undefined {
    return this.state.system
  }

  /** What the user has set. */
  get settings(): Settings {
    return this.state.settings
  }

  get seed(): number {
    return this.state.seed
  }

  /**
   * The value of a field as it stands.
   * @throws UserError, exit code 2, for what is no field
   */
  valueOf(field: string): unknown {
    requireField(field)
    if (field === 'seed') return this.seed
    return this.settings[field] ?? this.config[field as GenerationField]
  }

  get strategyName(): string {
    return this.strategy.name
  }

  /** The configuration as it stands. */
  get config(): GenerationConfig {
    return this.checked.resolved.config
  }

  /** Sentences about settings that have no effect as they stand. */
  get notes(): readonly string[] {
    return this.checked.notes
  }

  /** Tokens in the cache that is kept. */
  get cachedTokens(): number {
    return this.decoder.engine.cachedTokens
  }

  get context(): ContextLength {
    return this.model.model
  }

  /** Whether there is a template; without one what is written is continued. */
  get hasTemplate(): boolean {
    return this.decoder.isChat
  }

  /**
   * Answers a message: text as it comes. The message is forgotten again if it cannot be answered.
   * @throws UserError as `generate`
   */
  send(content: string): AsyncGenerator<GenerationChunk, void, void> {
    return this.answer([...this.messages, { role: 'user', content }])
  }

  /**
   * Answers the last message anew, with another seed.
   * @throws UserError where nothing was said
   */
  regenerate(): AsyncGenerator<GenerationChunk, void, void> {
    const last = this.messages.findLastIndex(({ role }) => role === 'user')
    if (last < 0) throw usageError('There is nothing to answer yet.')
    return this.answer(this.messages.slice(0, last + 1))
  }

  /** Ends the answer under way: what was written of it stays in the history. */
  stop(): void {
    this.stopper?.abort()
    this.toolTurn.stop()
  }

  /** Tools as settings name them. */
  get tools(): readonly ToolDefinition[] {
    return toolsOf(this.config) ?? []
  }

  /**
   * Answers what tools have given.
   * @throws UserError as `generate`
   */
  respond(results: readonly ToolResult[]): AsyncGenerator<GenerationChunk, void, void> {
    return this.answer([...this.messages, ...this.toolTurn.messagesOf(results)], true)
  }

  /** Forgets what was said, but for the system prompt. */
  clear(): void {
    this.decoder.engine.forget()
    this.state = { ...this.state, messages: [] }
  }

  /** @throws UserError where there is no template */
  setSystem(system: string | undefined): void {
    this.requireTemplate()
    this.state = { ...this.state, system }
  }

  /**
   * Decodes another way from the next answer on; a strategy that is refused leaves everything as it was.
   * @throws UserError as `loadChatStrategy` and `ChatDecoder.check`
   */
  async setStrategy(name: string): Promise<void> {
    await this.adopt({ strategy: name })
  }

  /**
   * Sets a field of GenerationConfig; `default` takes it back.
   * @throws UserError as `settingFromText` and `ChatDecoder.check`, and for what the strategy stands for
   */
  async set(field: string, text: string): Promise<void> {
    const value = await settingFromText(field, text)
    if (field === 'seed') {
      this.state = { ...this.state, seed: Number(value ?? randomInt(2 ** 32)), answers: 0 }
      return
    }
    refuseContradiction(this.strategy, { [field]: value })
    const { [field]: _, ...others } = this.settings
    const settings = value === undefined ? others : { ...others, [field]: value }
    const isLoading = field === 'assistant_early_exit' && !this.strategy.idle.includes(field)
    if (isLoading) await this.adopt({ settings })
    else await this.use({ settings }, this.strategy)
  }

  /** @throws UserError if the file cannot be written */
  async save(path: string): Promise<void> {
    await writeChatFile(path, await this.identity(), this.state)
  }

  /**
   * Goes on with a chat that was saved; what cannot be taken over leaves everything as it was.
   * @returns sentences about what is not as it was
   * @throws UserError as `readChatFile`, and for settings and strategies that this model cannot serve
   */
  async load(path: string): Promise<string[]> {
    const { model, ...state } = await readChatFile(path)
    if (state.system !== undefined) this.requireTemplate()
    if (!isChatStrategy(state.strategy)) {
      throw usageError(
        `${path} names the strategy ${JSON.stringify(state.strategy)}, which is none of those that come with llm.`,
      )
    }
    await this.adopt(state)
    const { fingerprint } = await this.identity()
    return model.fingerprint === fingerprint
      ? []
      : [`The chat was held with another model, ${model.name}: this one goes on as it would have said it.`]
  }

  async dispose(): Promise<void> {
    await this.decoder.engine.close()
    await this.strategy.dispose()
  }

  private async *answer(
    messages: readonly ChatMessage[],
    hasResults = false,
  ): AsyncGenerator<GenerationChunk, void, void> {
    if (this.stopper) throw usageError('An answer is under way: stop it first.')
    const stopper = new AbortController()
    this.stopper = stopper
    this.toolTurn.end()
    try {
      this.statistics.begin()
      const { state, strategy, checked, decoder } = this
      const generation = decoder.generate(state, messages, strategy, checked, stopper.signal, hasResults)
      let result: GenerationResult | undefined
      try {
        for await (const chunk of generation) {
          this.statistics.count(chunk.ids.length)
          yield chunk
        }
      } finally {
        // Where the reader has left, too.
        result = await generation.result()
        this.commit(messages, result, generation.cachedTokens)
      }
    } finally {
      this.stopper = undefined
    }
  }

  private commit(messages: readonly ChatMessage[], result: GenerationResult, cached_tokens: number): void {
    const { statistics } = result
    this.statistics.add(result, { ...statistics, cached_tokens })
    const { answers } = this.state
    this.state = {
      ...this.state,
      messages: [...messages, this.toolTurn.begin(result)],
      answers: answers + 1,
    }
  }

  /** Takes a change of the state over, its strategy loaded anew. */
  private async adopt(change: Partial<ChatState>): Promise<void> {
    const { strategy: name, settings } = { ...this.state, ...change }
    const strategy = await loadChatStrategy(name, {
      model: this.model,
      earlyExit: settings.assistant_early_exit as number | undefined,
      ...this.options.sources,
    })
    const before = this.strategy
    try {
      await this.use({ ...change, strategy: strategy.name }, strategy)
    } catch (error) {
      await strategy.dispose()
      throw error
    }
    this.decoder.forgetAssistant()
    await before.dispose()
  }

  private async use(change: Partial<ChatState>, strategy: ChatStrategy): Promise<void> {
    this.checked = await this.decoder.check(change.settings ?? this.settings, strategy)
    this.state = { ...this.state, ...change }
    this.strategy = strategy
  }

  private requireTemplate(): void {
    if (this.decoder.isChat) return
    throw usageError('A system prompt needs a chat template: start the chat with --chat-template.')
  }

  private async identity() {
    const { modelName: name } = this.options
    return { name, fingerprint: await modelFingerprint(this.model, this.model.dtype) }
  }
}
