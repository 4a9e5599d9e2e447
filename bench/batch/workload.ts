import { createRandom } from '../../src/random.js'

/** A prompt, and the number of tokens that are generated for it. */
export interface WorkItem {
  readonly prompt: readonly number[]
  readonly newTokens: number
}

export type Workload =
  /** Prompts of 8 to 64 tokens, and 16 to 128 new ones. */
  | { readonly kind: 'mixed'; readonly rows: number }
  /** The same `prefix` before all prompts, or one as long before each that is like no other. */
  | { readonly kind: 'shared' | 'distinct'; readonly rows: number; readonly prefix: number }

/** After a prefix: tokens of the prompt, and new ones. */
const AFTER_PREFIX = 16

export function workItems(workload: Workload, vocabSize: number, seed: number): WorkItem[] {
  const random = createRandom(seed)
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
  const tokens = (count: number) => Array.from({ length: count }, () => Math.floor(random() * vocabSize))
  const count = workload.rows
  if (workload.kind === 'mixed') {
    return Array.from({ length: count }, () => ({
      prompt: tokens(between(8, 64)),
      newTokens: between(16, 128),
    }))
  }
  const { kind, prefix } = workload
  const [first, ...rest] = tokens(prefix)
  return Array.from({ length: count }, (_, i) => ({
    prompt: [kind === 'shared' ? first : i % vocabSize, ...rest, ...tokens(AFTER_PREFIX)],
    newTokens: AFTER_PREFIX,
  }))
}
