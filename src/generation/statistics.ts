/** What a generation cost. */
export interface Statistics {
  readonly prompt_tokens: number
  /** Over all sequences. */
  readonly generated_tokens: number
  /** Seconds from the call to the first token. */
  readonly time_to_first_token: number
  /** Seconds from the call to the end. */
  readonly total_time: number
  /** Generated tokens by second after the first forward pass, over all sequences; 0 with a single token. */
  readonly tokens_per_second: number
  /** Forward passes of the model that decoded something. */
  readonly steps: number
  readonly drafted_tokens: number
  readonly accepted_tokens: number
  /** Bytes: the process's peak resident memory so far. */
  readonly peak_memory: number
}

/** Measures a generation from its construction on. */
export class Stopwatch {
  private readonly start = performance.now()
  private first: number | undefined
  private begun: { readonly time: number; readonly tokens: number } | undefined
  private tokens = 0
  private steps = 0
  private drafted = 0
  private accepted = 0

  constructor(private readonly promptTokens: number) {}

  /** Enters one turn of all sequences: what each decoded. */
  record(steps: readonly { tokens: number; drafted: number; accepted: number }[]): void {
    this.steps++
    for (const step of steps) {
      this.drafted += step.drafted
      this.accepted += step.accepted
    }
    this.count(steps.reduce((sum, { tokens }) => sum + tokens, 0))
    // A search has decoded a token for each sequence too, but does not know yet which.
    this.begun ??= { time: performance.now(), tokens: Math.max(this.tokens, steps.length) }
  }

  /** Enters tokens that took no pass of their own. */
  count(tokens: number): void {
    this.tokens += tokens
    if (tokens > 0) this.first ??= performance.now()
  }

  statistics(): Statistics {
    const now = performance.now()
    const first = this.first ?? now
    const begun = this.begun ?? { time: now, tokens: this.tokens }
    const rest = this.tokens - begun.tokens
    return {
      prompt_tokens: this.promptTokens,
      generated_tokens: this.tokens,
      time_to_first_token: (first - this.start) / 1000,
      total_time: (now - this.start) / 1000,
      tokens_per_second: rest > 0 ? (1000 * rest) / (now - begun.time) : 0,
      steps: this.steps,
      drafted_tokens: this.drafted,
      accepted_tokens: this.accepted,
      // Kilobytes on every platform, by libuv's convention.
      peak_memory: process.resourceUsage().maxRSS * 1024,
    }
  }
}
