import { formatBytes } from './format.js'

/** What a generation cost, as `generate` reports it. */
export interface StatisticsLike {
  readonly prompt_tokens: number
  readonly generated_tokens: number
  readonly time_to_first_token: number
  readonly tokens_per_second: number
  readonly steps: number
  readonly drafted_tokens: number
  readonly accepted_tokens: number
  readonly peak_memory: number
}

/** `5 prompt + 60 generated tokens · first after 0.04 s · 82.0 tok/s · peak 324.5 MB`, and how drafts fared. */
export function statisticsLine(statistics: StatisticsLike): string {
  const { prompt_tokens, generated_tokens, time_to_first_token, tokens_per_second, peak_memory } = statistics
  return [
    `${prompt_tokens} prompt + ${generated_tokens} generated tokens`,
    `first after ${time_to_first_token.toFixed(2)} s`,
    `${tokens_per_second.toFixed(1)} tok/s`,
    ...draftFigures(statistics),
    `peak ${formatBytes(peak_memory)}`,
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
