import { Generation } from '../generation/generate.js'
import type { GenerationChunk, GenerationResult } from '../generation/options.js'

/** A request's generation, which goes on whether it is read or not. Leaving the iteration ends it, as `signal` does. */
export class Submission extends Generation {
  constructor(private readonly ticket: Ticket) {
    super(ticket.read(), () => ticket.interrupt())
  }

  /** Tokens of the prompt that the prefix cache held, and that were not run again. */
  get cachedTokens(): number {
    return this.ticket.cachedTokens
  }
}

/** A request's place in the engine, and what was decoded and not read yet. */
export class Ticket {
  readonly signal: AbortSignal
  readonly submission: Submission
  cachedTokens = 0
  private readonly interruption = new AbortController()
  private readonly chunks: GenerationChunk[] = []
  private outcome: PromiseSettledResult<GenerationResult> | undefined
  private changed = () => {}

  /** @param signal ends the request */
  constructor(signal: AbortSignal | undefined) {
    this.signal = AbortSignal.any([this.interruption.signal, ...(signal ? [signal] : [])])
    this.submission = new Submission(this)
  }

  interrupt(): void {
    this.interruption.abort()
  }

  push(chunk: GenerationChunk): void {
    this.chunks.push(chunk)
    this.changed()
  }

  end(outcome: PromiseSettledResult<GenerationResult>): void {
    this.outcome ??= outcome
    this.changed()
  }

  fail(reason: unknown): void {
    this.end({ status: 'rejected', reason })
  }

  async *read(): AsyncGenerator<GenerationChunk, GenerationResult, void> {
    for (;;) {
      while (this.chunks.length > 0) yield this.chunks.shift()!
      if (this.outcome?.status === 'fulfilled') return this.outcome.value
      if (this.outcome) throw this.outcome.reason
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }
}
