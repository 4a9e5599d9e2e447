import { formatBytes } from './format.js'

/** What a generation cost, as `generate` reports it. */
export interface StatisticsLike {
  readonly prompt_tokens: number
  readonly generated_tokens: number
  readonly time_to_first_token: number
  readonly tokens_per_second: number
  readonly peak_memory: number
}

/** `5 prompt + 60 generated tokens · first after 0.04 s · 82.0 tok/s · peak 324.5 MB`. */
export function statisticsLine(statistics: StatisticsLike): string {
  const { prompt_tokens, generated_tokens, time_to_first_token, tokens_per_second, peak_memory } = statistics
  return [
    `${prompt_tokens} prompt + ${generated_tokens} generated tokens`,
    `first after ${time_to_first_token.toFixed(2)} s`,
    `${tokens_per_second.toFixed(1)} tok/s`,
    `peak ${formatBytes(peak_memory)}`,
  ].join(' · ')
}
