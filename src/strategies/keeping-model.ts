import type { ForwardOptions, KVCache, Model, Output } from './types.js'

/**
 * A model that keeps the cache of one sequence for the next one: what the next one begins with, along any path of the tree
 * that the cache came to hold, need not be run again. It keeps one cache; who asks while that is in use gets another.
 */
export class KeepingModel implements Model {
  private kept: RecordedCache | undefined
  private isFree = false

  constructor(private readonly model: Model) {}

  get vocabSize(): number {
    return this.model.vocabSize
  }

  get hiddenSize(): number {
    return this.model.hiddenSize
  }

  get maxPositions(): number {
    return this.model.maxPositions
  }

  get exits(): readonly number[] | undefined {
    return this.model.exits
  }

  /** Slots of the cache that is kept. */
  get length(): number {
    return this.kept?.length ?? 0
  }

  /** Of the last prompt, the tokens that were not run again. */
  get reused(): number {
    return this.kept?.untouched ?? 0
  }

  /** The kept cache with the beginning of `prompt` as a chain, but for its last token, which gives the first scores. */
  newCache(prompt: readonly number[] = []): KVCache {
    if (this.kept && !this.isFree) {
      const another = this.model.newCache()
      return new RecordedCache(another, () => another.dispose())
    }
    this.kept ??= new RecordedCache(this.model.newCache(), () => {
      this.isFree = true
    })
    this.isFree = false
    this.kept.resume(prompt.slice(0, -1))
    return this.kept
  }

  async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    options?: ForwardOptions,
  ): Promise<Output> {
    if (!(cache instanceof RecordedCache)) throw new TypeError('The cache is of another kind of model.')
    const output = await this.model.forward(cache.inner, tokens, parents, nodes, options)
    cache.record(tokens, parents)
    return output
  }

  /** Gives the memory of the kept cache back. */
  forget(): void {
    this.kept?.inner.dispose()
    this.kept = undefined
  }
}

/** A cache, and which tokens are in its slots. */
class RecordedCache implements KVCache {
  /** Slots at the beginning that are as they were when the cache was resumed. */
  untouched = 0
  private tokens: number[] = []
  private parents: number[] = []

  /** @param release is called in place of disposing where the cache is kept */
  constructor(
    readonly inner: KVCache,
    private readonly release: () => void,
  ) {}

  get length(): number {
    return this.inner.length
  }

  record(tokens: readonly number[], parents: readonly number[]): void {
    for (const token of tokens) this.tokens.push(token)
    for (const parent of parents) this.parents.push(parent)
  }

  keep(slots: readonly number[]): void {
    this.inner.keep(slots)
    const renumbered = new Map(slots.map((slot, i) => [slot, i]))
    this.tokens = slots.map((slot) => this.tokens[slot])
    this.parents = slots.map((slot) => renumbered.get(this.parents[slot]) ?? -1)
    const moved = slots.findIndex((slot, i) => slot !== i)
    this.untouched = Math.min(this.untouched, moved < 0 ? slots.length : moved)
  }

  /** Keeps the longest path that is the beginning of `prompt`. */
  resume(prompt: readonly number[]): void {
    /** By slot, the length of the path that ends there, or 0 where it is no beginning. */
    const lengths: number[] = []
    let end = -1
    for (const [slot, token] of this.tokens.entries()) {
      const parent = this.parents[slot]
      const before = parent < 0 ? 0 : lengths[parent]
      const continues = (parent < 0 || before > 0) && prompt[before] === token
      lengths.push(continues ? before + 1 : 0)
      if (lengths[slot] > (lengths[end] ?? 0)) end = slot
    }
    const path: number[] = []
    for (let slot = end; slot >= 0; slot = this.parents[slot]) path.push(slot)
    if (path.length < this.length) this.keep(path.reverse())
    this.untouched = this.length
  }

  dispose(): void {
    this.release()
  }
}
