import { inspect } from 'node:util'
import { requireKnownOptions } from '../config/settings.js'
import { DeviceLost, usageError } from '../errors.js'
import { generatePrepared } from '../generation/generate.js'
import type { GenerationModel, GenerationResult } from '../generation/options.js'
import { type MergingModel, mergingModel } from '../model/branches.js'
import { delegate } from '../model/delegate.js'
import type { Model } from '../model/model.js'
import type { RecordedCache } from '../model/recorded-cache.js'
import { Lockstep } from './lockstep.js'
import { PrefixCache } from './prefix-cache.js'
import { type EngineRequest, type PreparedRequest, prepareRequest } from './request.js'
import { type Submission, Ticket } from './ticket.js'

/** Requests that are looked at before their turn: prompts of like length are found among them, and beginnings in common. */
export const LOOKAHEAD = 64

const MAX_BATCH = 16

export interface EngineOptions {
  /** Requests that are decoded at a time; 16 by default. */
  readonly maxBatch?: number
  /** Tokens that they may come to have together; without a limit by default. */
  readonly maxTokensInFlight?: number
  /**
   * Tokens of ended requests that are kept for prompts that begin alike; by default the longest sequence that the model was
   * made for, which at most doubles the memory of one such. At 0, only what a request that waits begins with.
   */
  readonly prefixCacheTokens?: number
  /** Awaited before each pass, and once all requests have ended: what is submitted meanwhile takes part in the pass. */
  readonly onTurn?: () => void | Promise<void>
}

/** Held to the interface, so that none is forgotten. */
const OPTIONS: Readonly<Record<keyof EngineOptions, true>> = {
  maxBatch: true,
  maxTokensInFlight: true,
  prefixCacheTokens: true,
  onTurn: true,
}

/** Limits, with the least that a request can meet. */
const LEAST = { maxBatch: 1, maxTokensInFlight: 1, prefixCacheTokens: 0 } as const

/** A request that is not decoded yet. */
interface Waiting extends PreparedRequest {
  readonly ticket: Ticket
}

/**
 * Decodes requests together: each is a `generate()` of its own, in step with the others, with caches of its own in every
 * model. What shares a pass follows from what was submitted, and not from timing.
 */
export class Engine {
  private waiting: Waiting[] = []
  /** Prompts, without their last tokens, of those that have no cache yet. */
  private readonly unstarted = new Map<Ticket, readonly number[]>()
  private readonly inFlight = new Map<Waiting, Promise<void>>()
  /** By the model that was given. */
  private readonly prefixes = new Map<Model, PrefixCache>()
  /** Models that draft, and then the target. */
  private readonly models: MergingModel[] = []
  private readonly lockstep = new Lockstep(this.models)
  private failure: Error | undefined
  private wake = () => {}
  /** Whether another turn was asked for since the last sleep. */
  private isNudged = false
  private readonly loop: Promise<void>

  /**
   * @param target the caller disposes of it, once the engine is closed
   * @throws UserError, exit code 2, for an option that is not known, and for a limit that no request could meet
   */
  constructor(
    private readonly target: GenerationModel,
    private readonly options: EngineOptions = {},
  ) {
    checkOptions(options)
    this.loop = this.run()
    // Told where it is waited for.
    this.loop.catch(() => {})
  }

  /** Settles once the engine has ended: with the error, where the engine itself has failed. */
  get ended(): Promise<void> {
    return this.loop
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.waiting.length
  }

  /** Tokens of the target that requests, and those that have ended, hold. */
  get cachedTokens(): number {
    return this.prefixes.get(this.target.model)?.length ?? 0
  }

  /** Decodes a request when its turn comes. What cannot be served is told as by `generate`: by the first step. */
  submit(request: EngineRequest | PreparedRequest): Submission {
    const ticket = new Ticket(request.options?.signal)
    try {
      if (this.failure) throw this.failure
      const waiting = { ...('ids' in request ? request : prepareRequest(this.target, request)), ticket }
      this.requireRoom(waiting)
      this.waiting.push(waiting)
      this.unstarted.set(ticket, waiting.ids.slice(0, -1))
      ticket.signal.addEventListener('abort', () => this.wake(), { once: true })
      this.wake()
    } catch (error) {
      ticket.fail(error)
    }
    return ticket.submission
  }

  /** Asks for another turn, where `onTurn` has something to do though nothing is decoded. */
  nudge(): void {
    this.isNudged = true
    this.wake()
  }

  /** Frees what is kept of ended requests, where nothing is in flight with all that the model's caches took. */
  forget(...models: readonly Model[]): void {
    for (const [model, prefixes] of this.prefixes) {
      if (models.length > 0 && !models.includes(model)) continue
      prefixes.clear()
      if (this.inFlight.size > 0) continue
      prefixes.dispose()
      this.prefixes.delete(model)
      this.models.splice(this.models.indexOf(prefixes.model), 1)
    }
  }

  /** Ends requests that have not ended yet with an error, and frees all caches. */
  async close(): Promise<void> {
    this.end(new Error('The engine is closed.'))
    await this.loop.catch(() => {})
    await Promise.all(this.inFlight.values())
    this.forget()
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        await this.lockstep.ready()
        await this.options.onTurn?.()
        if (this.failure) return
        // Who has just come takes part in the next pass.
        if (this.schedule()) continue
        if (this.inFlight.size > 0) await this.lockstep.pass()
        else await this.sleep()
      }
    } catch (error) {
      this.end(error as Error)
      throw error
    }
  }

  private sleep(): Promise<void> {
    const isNudged = this.isNudged
    this.isNudged = false
    if (isNudged) return Promise.resolve()
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  /** Begins with those that there is room for, and with those that were ended meanwhile: they take no pass. */
  private schedule(): boolean {
    const isEnded = ({ ticket }: Waiting) => ticket.signal.aborted
    const admitted = [
      ...this.waiting.filter(isEnded),
      ...this.fitting(this.waiting.filter((each) => !isEnded(each))),
    ]
    this.waiting = this.waiting.filter((request) => !admitted.includes(request))
    for (const request of admitted) this.inFlight.set(request, this.serve(request))
    return admitted.length > 0
  }

  /** The request that has waited longest, and those whose prompts are most like its own in length: as many as have room. */
  private fitting([oldest, ...others]: readonly Waiting[]): Waiting[] {
    const { maxBatch = MAX_BATCH, maxTokensInFlight = Infinity } = this.options
    const free = maxBatch - this.inFlight.size
    if (free < 1 || !oldest) return []
    const distance = ({ ids }: Waiting) => Math.abs(ids.length - oldest.ids.length)
    const nearest = others.slice(0, LOOKAHEAD - 1).sort((a, b) => distance(a) - distance(b))
    const group: Waiting[] = []
    let tokens = [...this.inFlight.keys()].reduce((sum, request) => sum + request.tokens, 0)
    for (const request of [oldest, ...nearest].slice(0, free)) {
      tokens += request.tokens
      if (tokens > maxTokensInFlight) break
      group.push(request)
    }
    return group
  }

  private async serve(request: Waiting): Promise<void> {
    const { ticket } = request
    const [outcome] = await Promise.allSettled([this.decode(request)])
    if (outcome.status === 'rejected' && outcome.reason instanceof DeviceLost) this.end(outcome.reason)
    this.unstarted.delete(ticket)
    this.inFlight.delete(request)
    ticket.end(outcome)
  }

  private async decode({ ticket, options, ...prepared }: Waiting): Promise<GenerationResult> {
    const target = this.prefixesOf(this.target.model)
    const draft = options.assistant && this.prefixesOf(options.assistant.model)
    const contrast = options.amateur && this.prefixesOf(options.amateur.model)
    const member = this.lockstep.join()
    const viewOf = (prefixes: PrefixCache) => prefixes.view(member.view(prefixes.model))
    try {
      const view = viewOf(target)
      const assistant = draft && { ...options.assistant!, model: viewOf(draft) }
      const amateur = contrast && { ...options.amateur!, model: viewOf(contrast) }
      const prompt = this.unstarted.get(ticket)
      if (prompt && !ticket.signal.aborted) await target.share(prompt, member, view)
      let cache: RecordedCache | undefined
      const newCache = (prompt?: readonly number[]) => {
        this.unstarted.delete(ticket)
        cache = target.open(prompt)
        return cache
      }
      const model = delegate(view, { newCache })
      const given = { ...options, assistant, amateur, signal: ticket.signal }
      const generation = generatePrepared({ ...this.target, model }, prepared, given)
      for await (const chunk of generation) {
        ticket.cachedTokens = cache?.untouched ?? 0
        ticket.push(chunk)
      }
      return await generation.result()
    } finally {
      member.leave()
    }
  }

  private prefixesOf(model: Model): PrefixCache {
    const known = this.prefixes.get(model)
    if (known) return known
    const { prefixCacheTokens = model.maxPositions, maxBatch = MAX_BATCH } = this.options
    const isTarget = model === this.target.model
    const prompts = () => [...this.unstarted.values()].slice(0, LOOKAHEAD + maxBatch)
    const merging = mergingModel(model)
    const prefixes = new PrefixCache(merging, prefixCacheTokens, isTarget ? prompts : undefined)
    this.prefixes.set(model, prefixes)
    if (isTarget) this.models.push(merging)
    else this.models.unshift(merging)
    return prefixes
  }

  /** @throws UserError for more tokens than may be in flight */
  private requireRoom({ tokens }: PreparedRequest): void {
    const { maxTokensInFlight = Infinity } = this.options
    if (tokens <= maxTokensInFlight) return
    throw usageError(
      `The prompt and its text may come to ${tokens} tokens, but only ${maxTokensInFlight} may be in flight: allow more of them, or lower max_new_tokens.`,
    )
  }

  /** Ends all requests with an error, and takes no more. */
  private end(error: Error): void {
    if (this.failure) return
    this.failure = error
    this.lockstep.close(error)
    for (const { ticket } of this.waiting) ticket.fail(error)
    this.waiting = []
    this.unstarted.clear()
    this.wake()
  }
}

function checkOptions(options: EngineOptions): void {
  requireKnownOptions(options, OPTIONS, 'new Engine()')
  for (const [name, least] of Object.entries(LEAST)) {
    const value: unknown = options[name as keyof typeof LEAST]
    if (value === undefined || value === Infinity) continue
    if (Number.isInteger(value) && Number(value) >= least) continue
    throw usageError(`${name} cannot be ${inspect(value)}: give a whole number from ${least} on.`)
  }
}
