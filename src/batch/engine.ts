import type { GenerationConfig, GenerationField } from '../config/index.js'
import { Lockstep, type Member } from '../engine/lockstep.js'
import { type UserError, usageError } from '../errors.js'
import type { Assistant } from '../generation/assistant.js'
import { generate } from '../generation/generate.js'
import type { GenerateOptions, GenerationModel, GenerationResult } from '../generation/options.js'
import { firstLayers } from '../language-model/load.js'
import { type MergingModel, mergingModel } from '../model/branches.js'
import { dolaLayers } from '../scores/dola.js'
import { SharedPrefixes } from './prefixes.js'
import type { Request } from './request.js'

/** Decodes several prompts at a time. */
export interface Engine {
  /**
   * Begins with a prompt.
   * @param waiting those that come later, and may begin alike
   * @param onTokens called with the number of tokens that were decoded
   */
  decode(
    request: Request,
    waiting: readonly Request[],
    onTokens: (count: number) => void,
  ): Promise<GenerationResult>
  /** Waits until every prompt is decoded or waits for a pass of a model. */
  ready(): Promise<void>
  /** Runs the passes that prompts wait for. */
  pass(): Promise<void>
  /** Ends what is not decoded yet. */
  close(): Promise<void>
}

/** What there is for all prompts. */
export interface EngineOptions {
  /** A model that drafts. */
  readonly assistant?: Assistant
  /** The first layers of the model, by their number, for rows with `assistant_early_exit`. */
  readonly earlyExits?: ReadonlyMap<number, Assistant>
  /** Drafters, a strategy, a negative prompt. */
  readonly generateOptions?: GenerateOptions
}

/** Prompts run in step, each with a cache of its own in every model. */
export class StepEngine implements Engine {
  private readonly assistants: readonly Assistant[]
  /** Of the assistants, and then of the target. */
  private readonly models: readonly MergingModel[]
  private readonly lockstep: Lockstep
  private readonly prefixes: SharedPrefixes
  private readonly running = new Set<Promise<GenerationResult>>()

  constructor(
    private readonly target: GenerationModel,
    private readonly engine: EngineOptions = {},
  ) {
    const { assistant, earlyExits } = engine
    this.assistants = [...(assistant ? [assistant] : []), ...(earlyExits?.values() ?? [])]
    const models = [...this.assistants.map(({ model }) => model), target.model]
    this.models = models.map((model) => mergingModel(model))
    this.lockstep = new Lockstep(this.models)
    this.prefixes = new SharedPrefixes(this.models[this.assistants.length])
  }

  async decode(
    request: Request,
    waiting: readonly Request[],
    onTokens: (count: number) => void,
  ): Promise<GenerationResult> {
    const member = this.lockstep.join()
    const decoding = this.decodeAs(
      member,
      request,
      waiting.map(({ ids }) => ids),
      onTokens,
    )
    this.running.add(decoding)
    try {
      return await decoding
    } finally {
      this.running.delete(decoding)
      member.leave()
    }
  }

  ready(): Promise<void> {
    return this.lockstep.ready()
  }

  pass(): Promise<void> {
    return this.lockstep.pass()
  }

  async close(): Promise<void> {
    this.lockstep.close(new Error('The batch has ended.'))
    await Promise.allSettled(this.running)
    this.prefixes.release([])
    for (const model of this.models) model.dispose()
  }

  private async decodeAs(
    member: Member,
    { ids, layers, config }: Request,
    waiting: readonly (readonly number[])[],
    onTokens: (count: number) => void,
  ): Promise<GenerationResult> {
    const model = member.models[this.assistants.length]
    const assistant = this.assistantFor(config)
    this.requireExits(config)
    this.prefixes.release([ids, ...waiting])
    const pastKeyValues = await this.prefixes.begin(ids, waiting, { member, model })
    try {
      const generation = generate({ ...this.target, model }, ids, layers, {
        ...this.engine.generateOptions,
        pastKeyValues,
        assistant: assistant && { ...assistant, model: member.models[this.assistants.indexOf(assistant)] },
      })
      for await (const chunk of generation) onTokens(chunk.ids.length)
      return await generation.result()
    } finally {
      // Where settings were refused, nothing has taken it over.
      pastKeyValues?.dispose()
    }
  }

  /** @throws UserError for an early exit beside another model that drafts, and for one that is not there */
  private assistantFor({ assistant_early_exit: layers }: GenerationConfig): Assistant | undefined {
    const { assistant, earlyExits } = this.engine
    if (layers === undefined) return assistant
    if (assistant) {
      throw usageError('An assistant model and assistant_early_exit both draft: leave one of them out.')
    }
    const exit = earlyExits?.get(layers)
    if (exit) return exit
    if (this.target.spec) firstLayers(this.target.spec, layers)
    throw notLoaded('assistant_early_exit', layers)
  }

  /** @throws UserError for DoLa with layers that were not loaded as exits */
  private requireExits({ dola_layers: setting }: GenerationConfig): void {
    const { spec, model } = this.target
    if (setting === undefined || !spec) return
    const isLoaded = dolaLayers(setting, spec).every((layer) => model.exits?.includes(layer))
    if (!isLoaded) throw notLoaded('dola_layers', setting)
  }
}

/** Rows of a stream are not known before they come. */
function notLoaded(field: GenerationField, value: unknown): UserError {
  return usageError(
    `${field} is ${JSON.stringify(value)}, but that was not known when the model was loaded: give the rows as a file, or set it for all of them.`,
  )
}
