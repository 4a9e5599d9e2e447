import type { RunType } from '../../src/runtime/storage.js'
import type { WorkItem } from './workload.js'

export interface Setup {
  /** Of the model. */
  readonly directory: string
  readonly threads: number
  /** Prompts at a time. */
  readonly batch: number
  /** How weights are held: ours, since the peer's file says it for itself. */
  readonly dtype: RunType
}

/** Generates greedily for many prompts. */
export interface BatchEngine {
  readonly vocabSize: number
  /** @returns the number of tokens that were asked for and generated */
  generate(items: readonly WorkItem[]): Promise<number>
}
