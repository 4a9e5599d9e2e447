import { formatBytes } from './format.js'

/** What a generation cost, as `generate` reports it. */
export interface StatisticsLike {
  readonly prompt_tokens: number
  /** Of these, those that a cache held already. */
  readonly cached_tokens?: number
  readonly generated_tokens: number
  readonly time_to_first_token: number
  readonly tokens_per_second: number
  readonly steps: number
  readonly drafted_tokens: number
  readonly accepted_tokens: number
  readonly peak_memory: number
}

/**
 * `5 prompt + 60 generated tokens · first after 0.04 s · 82.0 tok/s · peak 324.5 MB`, and how drafts fared.
 * @param ending why the text ended, where a limit cut it
 */
export function statisticsLine(statistics: StatisticsLike, ending?: string): string {
  const { prompt_tokens, generated_tokens, time_to_first_token, tokens_per_second, peak_memory } = statistics
  const cached = statistics.cached_tokens === undefined ? '' : ` (${statistics.cached_tokens} cached)`
  return [
    `${prompt_tokens} prompt${cached} + ${generated_tokens} generated tokens`,
    `first after ${time_to_first_token.toFixed(2)} s`,
    `${tokens_per_second.toFixed(1)} tok/s`,
    ...draftFigures(statistics),
    `peak ${formatBytes(peak_memory)}`,
    ...(ending === undefined ? [] : [ending]),
  ].join(' · ')
}

/** Tokens that a pass of the model gave, and the share of drafted tokens that were accepted. */
function draftFigures({
  generated_tokens,
  steps,
  drafted_tokens,
  accepted_tokens,
}: StatisticsLike): string[] {
  if (drafted_tokens === 0) return []
  const share = Math.round((100 * accepted_tokens) / drafted_tokens)
  return [`${(generated_tokens / steps).toFixed(1)} tokens a pass`, `${share}% of drafts accepted`]
}

/** Sums over the answers of a chat. */
export interface TotalsLike {
  readonly answers: number
  readonly prompt_tokens: number
  readonly cached_tokens: number
  readonly generated_tokens: number
  readonly total_time: number
}

/** `3 answers: 120 prompt (90 cached) + 80 generated tokens in 2.5 s`. */
export function totalsLine({ answers, total_time, ...tokens }: TotalsLike): string {
  const { prompt_tokens, cached_tokens, generated_tokens } = tokens
  return `${answers} answer${answers === 1 ? '' : 's'}: ${prompt_tokens} prompt (${cached_tokens} cached) + ${generated_tokens} generated tokens in ${total_time.toFixed(1)} s`
}

/** How a chat stands. */
export interface ChatStatusLike {
  readonly strategy: string
  /** Where tokens are drawn. */
  readonly temperature: number | undefined
  readonly tokensPerSecond: number | undefined
  readonly cachedTokens: number
}

/** `medusa · temperature 0.7 · 82.0 tok/s · 120 tokens in cache`. */
export function chatStatusLine({
  strategy,
  temperature,
  tokensPerSecond,
  cachedTokens,
}: ChatStatusLike): string {
  return [
    strategy,
    ...(temperature === undefined ? [] : [`temperature ${temperature}`]),
    ...(tokensPerSecond === undefined ? [] : [`${tokensPerSecond.toFixed(1)} tok/s`]),
    `${cachedTokens} tokens in cache`,
  ].join(' · ')
}
