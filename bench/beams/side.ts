/** What every side does: beam search for the best sequence of exactly `newTokens` more tokens. */
export interface Task {
  readonly prompt: readonly number[]
  readonly beams: number
  readonly newTokens: number
  /** None of them may be chosen. */
  readonly eosTokenIds: readonly number[]
}

/** Bytes of keys and values. */
export interface CacheBytes {
  /** Of the slots in use, at the most that there were. */
  readonly used: number
  /** Of the memory that was set aside for them. */
  readonly allocated: number
}

export interface Run {
  /** The new tokens of the best sequence. */
  readonly tokens: readonly number[]
  /** Of the whole generation, ms. */
  readonly total: number
  /** Until the first token's scores were known, ms. */
  readonly prefill: number
  /** Forward passes, the prompt's included. */
  readonly passes: number
  readonly cache: CacheBytes
}

/** An implementation of beam search, loaded. */
export interface Side {
  readonly name: string
  /** What it is made of, with versions. */
  readonly description: string
  run(task: Task): Promise<Run>
  dispose(): Promise<void>
}
