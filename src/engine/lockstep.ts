import { delegate } from '../model/delegate.js'
import type { Model, NativeBatchModel, Output, Pass } from '../model/model.js'

/**
 * Several decoders that use the same models in step: passes run when all of them wait for one, and then together. What
 * shares a pass thus follows from the work alone and not from its timing, and what a pass gave is read before the next one.
 */
export class Lockstep {
  private readonly members = new Set<Member>()
  private jobs: Job[] = []
  private changed = () => {}
  private closed: Error | undefined

  /** @param models they have their turns in this order: drafts first */
  constructor(private readonly models: readonly NativeBatchModel[]) {}

  /** From now on passes wait for this member, until it leaves. */
  join(): Member {
    const member: Member = new Member(
      (model) =>
        delegate(model, {
          forward: (cache, tokens, parents, nodes = [...tokens.keys()], options) =>
            this.ask(member, model, { cache, tokens, parents, nodes, options }),
        }),
      () => this.changed(),
      () => {
        this.members.delete(member)
        this.changed()
      },
    )
    this.members.add(member)
    return member
  }

  /** Waits until every member waits. */
  async ready(): Promise<void> {
    for (;;) {
      // What was decided by the last pass has to be asked for first.
      await new Promise((resolve) => setImmediate(resolve))
      if ([...this.members].every((member) => member.isWaiting)) return
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }

  /**
   * Runs what is asked of one of the models. Where that fails, the next passes run it one by one, so that it fails for those
   * at fault only.
   */
  async pass(): Promise<void> {
    const model = this.models.find((model) => this.jobs.some((job) => job.model === model))
    const alone = this.jobs.find((job) => job.isAlone)
    const members = [...this.members]
    const inOrder = (a: Job, b: Job) => members.indexOf(a.member) - members.indexOf(b.member)
    const jobs = alone ? [alone] : this.jobs.filter((job) => job.model === model).sort(inOrder)
    this.jobs = this.jobs.filter((job) => !jobs.includes(job))
    try {
      const outputs = await jobs[0].model.forwardAll(jobs.map(({ pass }) => pass))
      for (const [i, job] of jobs.entries()) job.resolve(outputs[i])
    } catch (error) {
      for (const job of jobs) {
        if (this.closed || jobs.length === 1) job.reject(error)
        else this.jobs.push({ ...job, isAlone: true })
      }
    }
  }

  /** Ends what members wait for, and will ask for, with `error`. */
  close(error: Error): void {
    this.closed = error
    for (const job of this.jobs) job.reject(error)
    this.jobs = []
  }

  private ask(member: Member, model: NativeBatchModel, pass: Pass): Promise<Output> {
    if (this.closed) return Promise.reject(this.closed)
    return member.wait(
      new Promise((resolve, reject) => {
        this.jobs.push({ member, model, pass, isAlone: false, resolve, reject })
      }),
    )
  }
}

/** One of the decoders in step. */
export class Member {
  private waits = 0

  constructor(
    /** One of the `Lockstep`'s models, for this member. */
    readonly view: (model: NativeBatchModel) => Model,
    private readonly onWait: () => void,
    readonly leave: () => void,
  ) {}

  get isWaiting(): boolean {
    return this.waits > 0
  }

  /** Waits for what comes of a pass of another member's. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.waits++
    this.onWait()
    try {
      return await promise
    } finally {
      this.waits--
    }
  }
}

interface Job {
  readonly member: Member
  readonly model: NativeBatchModel
  readonly pass: Pass
  /** It was part of a pass that failed. */
  readonly isAlone: boolean
  readonly resolve: (output: Output) => void
  readonly reject: (error: unknown) => void
}
