import type { GenerationResult } from '../generation/options.js'
import type { Statistics } from '../generation/statistics.js'
import type { FinishReason } from '../strategies/strategy.js'

/** What an answer cost. */
export interface AnswerStatistics extends Statistics {
  /** Tokens of the prompt that the cache of earlier turns held, and that were not run again. */
  readonly cached_tokens: number
}

export interface Answer {
  readonly text: string
  readonly finish_reason: FinishReason
  readonly seed: number
  /** The whole of what was generated. */
  readonly result: GenerationResult
  readonly statistics: AnswerStatistics
}

/** Sums over all answers. */
export interface ChatTotals {
  readonly answers: number
  readonly prompt_tokens: number
  readonly cached_tokens: number
  readonly generated_tokens: number
  /** Seconds. */
  readonly total_time: number
}

/** What a chat cost so far. */
export class ChatStatistics {
  last: Answer | undefined
  totals: ChatTotals = { answers: 0, prompt_tokens: 0, cached_tokens: 0, generated_tokens: 0, total_time: 0 }
  private live: { tokens: number; first: number; since: number } | undefined

  /** Begins an answer. */
  begin(): void {
    this.live = undefined
  }

  /** Enters tokens of the answer under way. */
  count(tokens: number): void {
    const now = performance.now()
    if (this.live) this.live.tokens += tokens
    else if (tokens > 0) this.live = { tokens, first: tokens, since: now }
  }

  /** Generated tokens by second after the first ones: of the answer under way, or else of the last one. */
  get tokensPerSecond(): number | undefined {
    if (!this.live) return this.last?.statistics.tokens_per_second
    const { tokens, first, since } = this.live
    return tokens > first ? (1000 * (tokens - first)) / (performance.now() - since) : undefined
  }

  /** Enters an answer that has ended. */
  add(result: GenerationResult, statistics: AnswerStatistics): void {
    const { text, finish_reason, config } = result
    this.live = undefined
    this.last = { text, finish_reason, seed: config.seed!, result, statistics }
    const { answers, ...sums } = this.totals
    this.totals = {
      answers: answers + 1,
      prompt_tokens: sums.prompt_tokens + statistics.prompt_tokens,
      cached_tokens: sums.cached_tokens + statistics.cached_tokens,
      generated_tokens: sums.generated_tokens + statistics.generated_tokens,
      total_time: sums.total_time + statistics.total_time,
    }
  }
}
