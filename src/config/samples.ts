import type { GenerationConfig } from './schema.js'

/** Sequences that are decoded for a prompt: as many as are returned, or as are drawn to choose one of them. */
export function sequenceCount({ best_of, num_return_sequences }: GenerationConfig): number {
  return best_of ?? num_return_sequences
}
