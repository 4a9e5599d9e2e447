import { DelegatingModel } from '../model/delegate.js'
import type { ForwardOptions, KVCache, Output } from '../model/model.js'
import { RecordedCache } from '../model/recorded-cache.js'

/**
 * A model that keeps the cache of one sequence for the next one: what the next one begins with, along any path of the tree
 * that the cache came to hold, need not be run again. It keeps one cache; who asks while that is in use gets another.
 */
export class KeepingModel extends DelegatingModel {
  private kept: RecordedCache | undefined
  private isFree = false

  /** Slots of the cache that is kept. */
  get length(): number {
    return this.kept?.length ?? 0
  }

  /** Of the last prompt, the tokens that were not run again. */
  get reused(): number {
    return this.kept?.untouched ?? 0
  }

  /** The kept cache with the beginning of `prompt` as a chain, but for its last token, which gives the first scores. */
  override newCache(prompt: readonly number[] = []): KVCache {
    if (this.kept && !this.isFree) return new RecordedCache(this.inner.newCache())
    this.kept ??= new RecordedCache(this.inner.newCache(), [], () => {
      this.isFree = true
    })
    this.isFree = false
    this.kept.resume(prompt.slice(0, -1))
    return this.kept
  }

  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    options?: ForwardOptions,
  ): Promise<Output> {
    if (!(cache instanceof RecordedCache)) throw new TypeError('The cache is of another kind of model.')
    const output = await this.inner.forward(cache.inner, tokens, parents, nodes, options)
    cache.record(tokens, parents)
    return output
  }

  /** Gives the memory of the kept cache back. */
  forget(): void {
    this.kept?.inner.dispose()
    this.kept = undefined
  }
}
