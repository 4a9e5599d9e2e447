import { DelegatingModel, renumber } from './delegate.js'
import type { Branch, ForwardOptions, KVCache, Model, NativeBatchModel, Output, Pass } from './model.js'

const FIRST_COMPACTION = 256

/** The forward passes that are asked of a model in one turn of the event loop run as one. Strategies stay single-sequence. */
export abstract class MergingModel extends DelegatingModel implements NativeBatchModel {
  private waiting: Job[] = []
  private running = false

  abstract override newCache(prompt?: readonly number[]): Branch

  /** The cache that the others may go on from. */
  abstract root(): Branch

  override forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    options?: ForwardOptions,
  ): Promise<Output> {
    this.check(cache)
    return new Promise((resolve, reject) => {
      this.waiting.push({ pass: { cache, tokens, parents, nodes, options }, resolve, reject })
      this.schedule()
    })
  }

  abstract dispose(): void

  abstract forwardAll(passes: readonly Pass[]): Promise<Output[]>

  protected check(_cache: KVCache): void {}

  private schedule(): void {
    if (!this.running) {
      this.running = true
      setImmediate(() => this.runWaiting())
    }
  }

  private async runWaiting(): Promise<void> {
    const jobs = this.waiting
    this.waiting = []
    try {
      const outputs = await this.forwardAll(jobs.map(({ pass }) => pass))
      for (const [i, job] of jobs.entries()) job.resolve(outputs[i])
    } catch (error) {
      for (const job of jobs) job.reject(error)
    }
    this.running = false
    if (this.waiting.length > 0) this.schedule()
  }
}

interface Job {
  readonly pass: Pass
  readonly resolve: (output: Output) => void
  readonly reject: (error: unknown) => void
}

/**
 * A model for many sequences: by its own means, where it has some, or as branches of one token tree.
 * @param root what they may go on from: nothing, or a chain of tokens
 */
export function mergingModel(model: Model, root?: KVCache): MergingModel {
  return 'forwardAll' in model
    ? new NativeBatchAdapter(model as NativeBatchModel, root as Branch | undefined)
    : new BranchingModel(model, root)
}

/** A model that runs several caches at once anyway. */
class NativeBatchAdapter extends MergingModel {
  declare protected readonly inner: NativeBatchModel
  private readonly first: Branch

  constructor(model: NativeBatchModel, root: Branch = model.newCache()) {
    super(model)
    this.first = root
  }

  newCache(): Branch {
    return this.inner.newCache()
  }

  root(): Branch {
    return this.first
  }

  /** Other caches are disposed of by those who have them. */
  dispose(): void {
    this.first.dispose()
  }

  forwardAll(passes: readonly Pass[]): Promise<Output[]> {
    return this.inner.forwardAll(passes)
  }
}

/** A model whose caches are branches of one token tree: what branches have in common is stored once. */
export class BranchingModel extends MergingModel {
  private readonly branches = new Set<TreeBranch>()
  private compactAt = FIRST_COMPACTION

  /** @param shared holds the tree, and at first a chain of tokens or none */
  constructor(
    model: Model,
    private readonly shared: KVCache = model.newCache(),
  ) {
    super(model)
  }

  newCache(): Branch {
    return this.branch([])
  }

  /** Before anything else ran. */
  root(): Branch {
    return this.branch([...Array(this.shared.length).keys()])
  }

  dispose(): void {
    this.branches.clear()
    this.shared.dispose()
  }

  protected override check(cache: KVCache): void {
    if (!(cache instanceof TreeBranch)) throw new TypeError('The cache is of another kind of model.')
  }

  private branch(slots: number[]): TreeBranch {
    const branch: TreeBranch = new TreeBranch(
      slots,
      () => this.branch([...branch.slots]),
      () => this.branches.delete(branch),
    )
    this.branches.add(branch)
    return branch
  }

  async forwardAll(passes: readonly Pass[]): Promise<Output[]> {
    this.compact()
    const tokens: number[] = []
    const parents: number[] = []
    const nodes: number[] = []
    const offsets: number[] = []
    const base = this.shared.length
    for (const pass of passes) {
      const { length, slots } = pass.cache as TreeBranch
      const offset = tokens.length
      offsets.push(offset)
      for (const token of pass.tokens) tokens.push(token)
      for (const parent of pass.parents) {
        if (parent < length) parents.push(parent < 0 ? -1 : slots[parent])
        else parents.push(base + offset + parent - length)
      }
      for (const node of pass.nodes) nodes.push(offset + node)
    }
    const output = await this.inner.forward(this.shared, tokens, parents, nodes, commonOptions(passes))
    for (const [i, pass] of passes.entries()) {
      const { slots } = pass.cache as TreeBranch
      for (const token of pass.tokens.keys()) slots.push(base + offsets[i] + token)
    }
    return offsets.map((offset) => renumber(output, (node) => offset + node))
  }

  /** Looks for dead slots each time the tree has doubled, so that looking costs little; at once where one branch is all. */
  private compact(): void {
    const [branch, ...others] = this.branches
    if (others.length === 0 && branch) {
      if (branch.length === this.shared.length) return
    } else if (this.shared.length < this.compactAt) return
    const live = [...new Set([...this.branches].flatMap(({ slots }) => slots))].sort((a, b) => a - b)
    this.compactAt = 2 * live.length + FIRST_COMPACTION
    if (live.length === this.shared.length) return
    this.shared.keep(live)
    const renumbered = new Map(live.map((slot, i) => [slot, i]))
    for (const branch of this.branches) branch.slots = branch.slots.map((slot) => renumbered.get(slot)!)
  }
}

/** The cache of one sequence: its slots in the tree, oldest first. */
class TreeBranch implements Branch {
  constructor(
    /** By slot of this branch, the slot of the tree. */
    public slots: number[],
    /** A branch that goes on from the same tokens. */
    readonly fork: () => TreeBranch,
    readonly dispose: () => void,
  ) {}

  get length(): number {
    return this.slots.length
  }

  keep(slots: readonly number[]): void {
    this.slots = slots.map((slot) => this.slots[slot])
  }
}

/** What is enough for all of them. */
function commonOptions(passes: readonly Pass[]): ForwardOptions {
  const counts = passes.filter(({ nodes }) => nodes.length > 0).map(({ options }) => options?.topK)
  const states = passes.map(({ options }) => options?.states)
  const [signal, ...others] = passes.map(({ options }) => options?.signal)
  return {
    ...(others.every((other) => other === signal) && { signal }),
    ...(counts.length > 0 && allKnown(counts) && { topK: Math.max(...counts) }),
    ...(allKnown(states) && { states: [...new Set(states.flat())] }),
  }
}

function allKnown<T>(values: readonly (T | undefined)[]): values is readonly T[] {
  return !values.includes(undefined)
}
