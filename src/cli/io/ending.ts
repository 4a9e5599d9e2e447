import { type ContextLength, contextReason } from '../../config/length.js'
import type { GenerationResult } from '../../generation/options.js'
import { type ReachedLimit, reachedLimit } from '../../generation/reached-limit.js'

/**
 * Where a limit cut texts, and what sets it: `stopped at 20 tokens: --max-new-tokens`.
 * @param name how the user sets a field
 */
export function endingOf(
  result: GenerationResult,
  context: ContextLength,
  name: (field: string) => string = flagOf,
): string | undefined {
  const limit = reachedLimit(result, context.maxPositions)
  if (!limit) return undefined
  const { length } = result.sequences
  const some = limit.sequences < length ? `${limit.sequences} of ${length} ` : ''
  const reason = limit.field === 'context' ? contextReason(context) : ''
  return `${some}stopped ${placeOf(limit, name)}${reason}`
}

function placeOf({ field, value }: ReachedLimit, name: (field: string) => string): string {
  if (field === 'context') return `at the end of the context of ${value} tokens`
  if (field === 'max_time') return `after ${value} s: ${name(field)}`
  return `at ${value} token${value === 1 ? '' : 's'}${field === 'max_length' ? ' with the prompt' : ''}: ${name(field)}`
}

function flagOf(field: string): string {
  return `--${field.replaceAll('_', '-')}`
}
