import type { Step } from '../strategies/strategy.js'

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
  /** Drafts that were 1, 2, … tokens deep, at least. */
  readonly drafts_by_depth: readonly number[]
  /** Of the drafts that were so deep, the share of which as many tokens were accepted, at least: of 1, 2, … tokens. */
  readonly acceptance_by_depth: readonly number[]
  /** Seconds that drafting took. */
  readonly draft_time: number
  /** Seconds of the passes after the first one. */
  readonly verify_time: number
  /** Tokens that were drafted as the only way to go on; of text that is held to a language. */
  readonly forced_tokens?: number
  /** Seconds that masks took; of text that is held to a language. */
  readonly mask_time?: number
  /** Bytes: the process's peak resident memory so far. */
  readonly peak_memory: number
}

/** What one sequence decoded in a turn. */
type TurnStep = Omit<Step, 'choices'> & { readonly tokens: number }

/** Measures a generation from its construction on. */
export class Stopwatch {
  private readonly start = performance.now()
  private first: number | undefined
  private begun: { readonly time: number; readonly tokens: number } | undefined
  private tokens = 0
  private steps = 0
  private drafted = 0
  private accepted = 0
  /** By depth from 1 on: drafts that were so deep, and of how many as much was accepted. */
  private readonly depths: { drafts: number; accepted: number }[] = []
  private readonly time = { draft: 0, pass: 0 }

  constructor(private readonly promptTokens: number) {}

  /** Enters one turn of all sequences, which draft and pass together: what each decoded. */
  record(steps: readonly TurnStep[]): void {
    this.steps++
    for (const step of steps) {
      this.drafted += step.drafted
      this.accepted += step.accepted
      this.recordDepths(step)
    }
    this.count(steps.reduce((sum, { tokens }) => sum + tokens, 0))
    if (this.begun) {
      this.time.draft += steps.reduce((most, { time }) => Math.max(most, time?.draft ?? 0), 0) / 1000
      this.time.pass += steps.reduce((most, { time }) => Math.max(most, time?.pass ?? 0), 0) / 1000
    }
    // A search has decoded a token for each sequence too, but does not know yet which.
    this.begun ??= { time: performance.now(), tokens: Math.max(this.tokens, steps.length) }
  }

  private recordDepths({ drafted, accepted, depth = drafted }: TurnStep): void {
    for (let i = 0; i < depth; i++) {
      this.depths[i] ??= { drafts: 0, accepted: 0 }
      this.depths[i].drafts++
      if (accepted > i) this.depths[i].accepted++
    }
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
      drafts_by_depth: this.depths.map(({ drafts }) => drafts),
      acceptance_by_depth: this.depths.map(({ drafts, accepted }) => accepted / drafts),
      draft_time: this.time.draft,
      verify_time: this.time.pass,
      // Kilobytes on every platform, by libuv's convention.
      peak_memory: process.resourceUsage().maxRSS * 1024,
    }
  }
}
