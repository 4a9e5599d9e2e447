import type { ForwardOptions, KVCache, Model, Output, StateName } from '../../src/model/model.js'

/**
 * A model in a few lines whose scores are a hash of all tokens on the path that the cache's parents describe: any
 * slot, parent or token out of place changes everything after it. It holds callers to the contracts: parents exist,
 * what is kept is closed under parents, and arrays are not read after the next forward pass.
 */
export class ToyModel implements Model {
  readonly vocabSize: number
  readonly hiddenSize = 4
  readonly taps = [0, 2]
  readonly maxPositions: number
  /** Forward passes, and the tokens that they ran. */
  forwards = 0
  tokensRun = 0
  /** Caches that are not disposed of. */
  readonly caches = new Set<ToyCache>()

  constructor({ maxPositions = 1000, vocabSize = 13 }: { maxPositions?: number; vocabSize?: number } = {}) {
    this.maxPositions = maxPositions
    this.vocabSize = vocabSize
  }

  newCache(): ToyCache {
    const cache: ToyCache = new ToyCache(() => this.caches.delete(cache))
    this.caches.add(cache)
    return cache
  }

  async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    { states: wanted = ['hidden', 'residual', ...this.taps] }: ForwardOptions = {},
  ): Promise<Output> {
    if (!(cache instanceof ToyCache) || !this.caches.has(cache))
      throw new TypeError('No cache of this model.')
    this.check(tokens)
    const first = cache.length
    cache.append(tokens, parents)
    this.forwards++
    this.tokensRun += tokens.length
    // As long as a real pass takes: callers must not count on a result within their turn.
    await new Promise((resolve) => setImmediate(resolve))
    const rows = new Map(nodes.map((node) => [node, this.logits(cache.path(first + node))]))
    const states = tokens.map((_, node) => this.hidden(cache.path(first + node)))
    const residuals = tokens.map((_, node) => this.residual(cache.path(first + node)))
    const taps = new Map(
      this.taps.map((layer) => [layer, tokens.map((_, node) => this.tap(cache.path(first + node), layer))]),
    )
    cache.lend([...rows.values(), ...states, ...residuals, ...[...taps.values()].flat()])
    const row = (node: number) => {
      const found = rows.get(node)
      if (!found) throw new RangeError(`Node ${node} was not asked for.`)
      return found
    }
    const given = (name: StateName, values: readonly Float32Array[]) => (node: number) => {
      if (!wanted.includes(name)) throw new RangeError(`No ${name} states were wanted.`)
      return values[node]
    }
    return {
      logits: row,
      hidden: given('hidden', states),
      residual: given('residual', residuals),
      tap: (node, layer) => given(layer, taps.get(layer)!)(node),
    }
  }

  /** Scores after the sequence `path`, [vocab], from -4 to 4. */
  logits(path: readonly number[]): Float32Array {
    return this.draw(path, 1, this.vocabSize)
  }

  /** The state after the sequence `path`, [hidden]. */
  hidden(path: readonly number[]): Float32Array {
    return this.draw(path, 2, this.hiddenSize)
  }

  /** What the last block gives after the sequence `path`, [hidden]. */
  residual(path: readonly number[]): Float32Array {
    return this.draw(path, 3, this.hiddenSize)
  }

  /** The state of a tapped layer after the sequence `path`, [hidden]. */
  tap(path: readonly number[], layer: number): Float32Array {
    return this.draw(path, 4 + layer, this.hiddenSize)
  }

  private draw(path: readonly number[], salt: number, length: number): Float32Array {
    const seed = path.reduce(mix, salt)
    return Float32Array.from({ length }, (_, i) => (mix(seed, i) / 2 ** 32) * 8 - 4)
  }

  private check(tokens: readonly number[]): void {
    if (tokens.length === 0) throw new RangeError('There is nothing to run.')
    const unknown = tokens.find((token) => !(token >= 0 && token < this.vocabSize))
    if (unknown !== undefined) throw new RangeError(`Token ${unknown} is not in the vocabulary.`)
  }
}

export class ToyCache implements KVCache {
  private tokens: number[] = []
  private parents: number[] = []
  private lent: Float32Array[] = []

  constructor(private readonly onDispose: () => void) {}

  get length(): number {
    return this.tokens.length
  }

  append(tokens: readonly number[], parents: readonly number[]): void {
    if (tokens.length !== parents.length) throw new RangeError('Each token has one parent.')
    for (const [i, parent] of parents.entries()) {
      if (!(parent >= -1 && parent < this.length)) {
        throw new RangeError(`Token ${i} has the parent ${parent}, but the cache has ${this.length} slots.`)
      }
      this.tokens.push(tokens[i])
      this.parents.push(parent)
    }
    for (const array of this.lent) array.fill(Number.NaN)
    this.lent = []
  }

  /** Arrays that are valid until the next `append`. */
  lend(arrays: Float32Array[]): void {
    this.lent = arrays
  }

  /** The tokens from the start of the sequence to `slot`. */
  path(slot: number): number[] {
    const path: number[] = []
    for (let at = slot; at >= 0; at = this.parents[at]) path.push(this.tokens[at])
    return path.reverse()
  }

  keep(slots: readonly number[]): void {
    const renumbered = new Map(slots.map((slot, i) => [slot, i]))
    const parents = slots.map((slot, i) => {
      if (!(slot > (slots[i - 1] ?? -1) && slot < this.length)) {
        throw new RangeError(`${slots} are not ascending slots below ${this.length}.`)
      }
      const parent = this.parents[slot]
      if (parent >= 0 && !renumbered.has(parent))
        throw new RangeError(`Slot ${slot} lost its parent ${parent}.`)
      return parent < 0 ? -1 : renumbered.get(parent)!
    })
    this.tokens = slots.map((slot) => this.tokens[slot])
    this.parents = parents
  }

  dispose(): void {
    this.onDispose()
  }
}

/** One round of a 32-bit hash (the finaliser of MurmurHash3). */
function mix(hash: number, value: number): number {
  let z = Math.imul(hash ^ (value + 0x9e3779b9), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}
