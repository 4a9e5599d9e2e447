import type { KVCache } from './model.js'
import { commonLength } from './prefix.js'

/** A path from the beginning of a text. */
interface Match {
  readonly length: number
  readonly end: number
}

/** Cache that knows which tokens are in its slots, so that another text can go on from what it has in common with them. */
export class RecordedCache<Cache extends KVCache = KVCache> implements KVCache {
  /** Slots at the beginning that are as they were when the cache was last resumed. */
  untouched = 0
  private tokens: number[]
  private parents: number[]
  private isChain = true

  /** @param tokens the chain that `inner` holds */
  constructor(
    readonly inner: Cache,
    tokens: readonly number[] = [],
    private readonly onDispose: () => void = () => inner.dispose(),
  ) {
    this.tokens = [...tokens]
    this.parents = tokens.map((_, i) => i - 1)
  }

  get length(): number {
    return this.inner.length
  }

  /** Enters tokens that a pass has appended. */
  record(tokens: readonly number[], parents: readonly number[]): void {
    for (const token of tokens) this.tokens.push(token)
    for (const parent of parents) {
      this.isChain &&= parent === this.parents.length - 1
      this.parents.push(parent)
    }
  }

  keep(slots: readonly number[]): void {
    this.inner.keep(slots)
    const renumbered = new Map(slots.map((slot, i) => [slot, i]))
    this.tokens = slots.map((slot) => this.tokens[slot])
    this.parents = slots.map((slot) => renumbered.get(this.parents[slot]) ?? -1)
    this.isChain = this.parents.every((parent, slot) => parent === slot - 1)
    const moved = slots.findIndex((slot, i) => slot !== i)
    this.untouched = Math.min(this.untouched, moved < 0 ? slots.length : moved)
  }

  /** The longest path that `text` begins with: its length, and its last slot, -1 for none. */
  match(text: readonly number[]): Match {
    if (this.isChain) {
      const length = commonLength(this.tokens, text)
      return { length, end: length - 1 }
    }
    /** By slot, the length of the path that ends there, or 0 where it is no beginning. */
    const lengths: number[] = []
    let end = -1
    for (const [slot, token] of this.tokens.entries()) {
      const parent = this.parents[slot]
      const before = parent < 0 ? 0 : lengths[parent]
      const continues = (parent < 0 || before > 0) && text[before] === token
      lengths.push(continues ? before + 1 : 0)
      if (lengths[slot] > (lengths[end] ?? 0)) end = slot
    }
    return { length: lengths[end] ?? 0, end }
  }

  /** Slots of the path that ends with a slot, oldest first. */
  pathTo(end: number): number[] {
    const path: number[] = []
    for (let slot = end; slot >= 0; slot = this.parents[slot]) path.push(slot)
    return path.reverse()
  }

  /** Keeps the longest path that `text` begins with. */
  resume(text: readonly number[]): void {
    const { length, end } = this.match(text)
    if (length < this.length) this.keep(this.pathTo(end))
    this.untouched = this.length
  }

  dispose(): void {
    this.onDispose()
  }
}
