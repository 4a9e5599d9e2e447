import type { GenerationConfig } from '../config/index.js'
import { DEFAULT_NEW_TOKENS } from '../config/length.js'
import type { GenerationResult } from './options.js'

/** A limit at which a text was cut, by the field that sets it; the context is the model's. */
export interface ReachedLimit {
  readonly field: 'max_new_tokens' | 'max_length' | 'max_time' | 'context'
  /** Tokens, or seconds of `max_time`. */
  readonly value: number
  /** Sequences that were cut there. */
  readonly sequences: number
}

/** The limit that cut sequences of a result before they came to an end of their own; undefined where there is none. */
export function reachedLimit(
  { sequences, config, statistics: { prompt_tokens } }: GenerationResult,
  maxPositions: number,
): ReachedLimit | undefined {
  const cut = sequences.filter(({ finish_reason }) => finish_reason === 'length' || finish_reason === 'time')
  if (cut.length === 0) return undefined
  const [{ finish_reason, ids }] = cut
  const limit =
    finish_reason === 'time'
      ? timeLimit(config)
      : lengthLimit(config, ids.length + prompt_tokens, maxPositions)
  return { ...limit, sequences: cut.length }
}

function timeLimit({ max_time = 0 }: GenerationConfig) {
  return { field: 'max_time', value: max_time } as const
}

function lengthLimit({ max_new_tokens, max_length }: GenerationConfig, tokens: number, maxPositions: number) {
  if (tokens >= maxPositions) return { field: 'context', value: maxPositions } as const
  if (max_new_tokens === undefined && max_length !== undefined) {
    return { field: 'max_length', value: max_length } as const
  }
  return { field: 'max_new_tokens', value: max_new_tokens ?? DEFAULT_NEW_TOKENS } as const
}
