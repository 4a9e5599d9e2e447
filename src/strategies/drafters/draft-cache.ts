import type { KVCache, Model, Output } from '../types.js'

/**
 * A draft model's cache: a text, and the tree of what was drafted after it. What of the draft has become text is not run
 * again.
 */
export class DraftCache {
  private cache: KVCache | undefined
  /** By slot. */
  private tokens: number[] = []
  /** By slot: slots, -1 for the start of the text. */
  private parents: number[] = []

  constructor(private readonly model: Model) {}

  /** Slots in use. */
  get length(): number {
    return this.tokens.length
  }

  /**
   * Keeps the longest beginning of the text that is there, short of its last token, and forgets everything else.
   * @returns the tokens that are to be run, one at least
   */
  follow(text: readonly number[]): number[] {
    const cache = this.cache ?? this.open(text)
    const path: number[] = []
    for (let slot = -1; path.length < text.length - 1; path.push(slot)) {
      slot = this.child(slot, text[path.length])
      if (slot < 0) break
    }
    if (path.length < this.length) {
      cache.keep(path)
      this.tokens = path.map((slot) => this.tokens[slot])
      this.parents = path.map((_, i) => i - 1)
    }
    return text.slice(path.length)
  }

  /** The model may have kept what a text begins with. */
  private open(text: readonly number[]): KVCache {
    this.cache = this.model.newCache(text)
    this.tokens = text.slice(0, this.cache.length)
    this.parents = this.tokens.map((_, i) => i - 1)
    return this.cache
  }

  /** The slot of a token that follows a slot; -1 where there is none. */
  private child(parent: number, token: number): number {
    for (let slot = parent + 1; slot < this.length; slot++) {
      if (this.parents[slot] === parent && this.tokens[slot] === token) return slot
    }
    return -1
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
    const output = await this.model.forward(this.cache!, tokens, parents, nodes, { states: [] })
    for (const token of tokens) this.tokens.push(token)
    for (const parent of parents) this.parents.push(parent)
    return output
  }

  dispose(): void {
    this.cache?.dispose()
  }
}
