import type { ForwardOptions, KVCache, Model, Output } from './types.js'

const FIRST_COMPACTION = 256

/**
 * A model whose caches are branches of one token tree: what branches have in common is stored once, and the forward
 * passes that several of them ask for in one turn of the event loop run as one. Strategies stay single-sequence.
 */
export class BranchingModel implements Model {
  private readonly branches = new Set<Branch>()
  private waiting: Job[] = []
  private running = false
  private compactAt = FIRST_COMPACTION

  /** @param shared holds the tree, and at first a chain of tokens or none */
  constructor(
    private readonly model: Model,
    private readonly shared: KVCache = model.newCache(),
  ) {}

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

  newCache(): Branch {
    return this.branch([])
  }

  /** The branch of the tokens that the tree began with, before anything else ran. */
  root(): Branch {
    return this.branch([...Array(this.shared.length).keys()])
  }

  forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    options?: ForwardOptions,
  ): Promise<Output> {
    if (!(cache instanceof Branch)) throw new TypeError('The cache is of another kind of model.')
    return new Promise((resolve, reject) => {
      this.waiting.push({ branch: cache, tokens, parents, nodes, options, resolve, reject })
      this.schedule()
    })
  }

  dispose(): void {
    this.branches.clear()
    this.shared.dispose()
  }

  private branch(slots: number[]): Branch {
    const branch: Branch = new Branch(
      slots,
      () => this.branch([...branch.slots]),
      () => this.branches.delete(branch),
    )
    this.branches.add(branch)
    return branch
  }

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
      const finish = await this.run(jobs)
      for (const [i, job] of jobs.entries()) job.resolve(finish(i))
    } catch (error) {
      for (const job of jobs) job.reject(error)
    }
    this.running = false
    if (this.waiting.length > 0) this.schedule()
  }

  private async run(jobs: readonly Job[]): Promise<(job: number) => Output> {
    this.compact()
    const tokens: number[] = []
    const parents: number[] = []
    const nodes: number[] = []
    const offsets: number[] = []
    const base = this.shared.length
    for (const { branch, ...job } of jobs) {
      const offset = tokens.length
      offsets.push(offset)
      tokens.push(...job.tokens)
      for (const parent of job.parents) {
        if (parent < branch.length) parents.push(parent < 0 ? -1 : branch.slots[parent])
        else parents.push(base + offset + parent - branch.length)
      }
      for (const node of job.nodes) nodes.push(offset + node)
    }
    const output = await this.model.forward(this.shared, tokens, parents, nodes, commonOptions(jobs))
    for (const [i, { branch, ...job }] of jobs.entries()) {
      for (const token of job.tokens.keys()) branch.slots.push(base + offsets[i] + token)
    }
    return (job) => ({
      logits: (node) => output.logits(offsets[job] + node),
      hidden: (node) => output.hidden(offsets[job] + node),
      ...(output.residual && { residual: (node: number) => output.residual!(offsets[job] + node) }),
      ...(output.exits && { exits: (node: number) => output.exits!(offsets[job] + node) }),
    })
  }

  /** Looks for dead slots each time the tree has doubled, so that looking costs little. */
  private compact(): void {
    if (this.shared.length < this.compactAt) return
    const live = [...new Set([...this.branches].flatMap(({ slots }) => slots))].sort((a, b) => a - b)
    this.compactAt = 2 * live.length + FIRST_COMPACTION
    if (live.length === this.shared.length) return
    this.shared.keep(live)
    const renumbered = new Map(live.map((slot, i) => [slot, i]))
    for (const branch of this.branches) branch.slots = branch.slots.map((slot) => renumbered.get(slot)!)
  }
}

/** The cache of one sequence: its slots in the tree, oldest first. */
export class Branch implements KVCache {
  constructor(
    /** By slot of this branch, the slot of the tree. */
    public slots: number[],
    /** A branch that goes on from the same tokens. */
    readonly fork: () => Branch,
    readonly dispose: () => void,
  ) {}

  get length(): number {
    return this.slots.length
  }

  keep(slots: readonly number[]): void {
    this.slots = slots.map((slot) => this.slots[slot])
  }
}

interface Job {
  readonly branch: Branch
  readonly tokens: readonly number[]
  readonly parents: readonly number[]
  readonly nodes: readonly number[]
  readonly options: ForwardOptions | undefined
  readonly resolve: (output: Output) => void
  readonly reject: (error: unknown) => void
}

/** What is enough for all that ask for nodes. */
function commonOptions(jobs: readonly Job[]): ForwardOptions | undefined {
  const shortlists = jobs.filter(({ nodes }) => nodes.length > 0).map(({ options }) => options?.shortlist)
  if (shortlists.length === 0 || shortlists.includes(undefined)) return undefined
  return { shortlist: Math.max(...(shortlists as number[])) }
}
