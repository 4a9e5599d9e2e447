import type { Model, Output } from '../../model/model.js'
import { RecordedCache } from '../../model/recorded-cache.js'

/** A draft model's cache: a text, and the tree of what was drafted after it. What of the draft has become text is not run again. */
export class DraftCache {
  private cache: RecordedCache | undefined

  constructor(private readonly model: Model) {}

  /** Slots in use. */
  get length(): number {
    return this.cache?.length ?? 0
  }

  /**
   * Keeps the longest beginning of the text that is there, short of its last token, and forgets everything else.
   * @returns the tokens that are to be run, one at least
   */
  follow(text: readonly number[]): number[] {
    this.cache ??= this.open(text)
    this.cache.resume(text.slice(0, -1))
    return text.slice(this.cache.length)
  }

  /** The model may have kept what a text begins with. */
  private open(text: readonly number[]): RecordedCache {
    const cache = this.model.newCache(text)
    return new RecordedCache(cache, text.slice(0, cache.length))
  }

  /** Runs tokens one after the other behind the newest slot; gives the raw scores after the last one, [vocab]. */
  async append(tokens: readonly number[]): Promise<Float32Array> {
    const parents = tokens.map((_, i) => this.length + i - 1)
    const last = tokens.length - 1
    return (await this.run(tokens, parents, [last])).logits(last)
  }

  /** `Model.forward`, once a text was followed. */
  async run(
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
  ): Promise<Output> {
    const output = await this.model.forward(this.cache!.inner, tokens, parents, nodes, { states: [] })
    this.cache!.record(tokens, parents)
    return output
  }

  dispose(): void {
    this.cache?.dispose()
  }
}
