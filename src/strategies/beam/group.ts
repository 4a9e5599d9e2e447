import { extend, type Prefix } from '../../model/prefix.js'
import type { SearchRequest } from '../search.js'
import type { FinishReason } from '../strategy.js'
import { type ConstraintState, constraintTracker } from './constraints.js'
import type { BeamOptions } from './options.js'
import { BeamPool } from './pool.js'
import type { Candidate, Select } from './selection.js'

/** A sequence of a search: its last token, and the node that it continued. */
export interface BeamNode<R> {
  readonly prefix: Prefix
  /** Sum of the log-probabilities of its generated tokens. */
  readonly sum: number
  readonly reason?: FinishReason
  /** What there is of all but the prompt. */
  readonly step?: { readonly parent: BeamNode<R>; readonly beam: number; readonly record: R }
}

/** A sequence that has ended. */
export interface Ended<R> {
  readonly node: BeamNode<R>
  /** `sum` over the length to the power of the length penalty. */
  readonly score: number
}

/** Log-probabilities after a beam, [vocab], and what to record of a token that they choose. */
export interface BeamRow<R> {
  readonly logprobs: Float32Array
  readonly record: (token: number) => R
}

/** A candidate as a sequence. */
interface Option extends Candidate {
  readonly prefix: Prefix
  readonly reason: FinishReason | undefined
}

/** Reasons that hold for all beams of a step, or for none. */
const endsAll: ReadonlySet<FinishReason> = new Set(['length', 'time', 'interrupted'])

/** Beams that compete with one another: all of a search, or those of a group of diverse beam search. */
export class BeamGroup<R> {
  /** Beams that have not ended, best first. */
  live: readonly BeamNode<R>[]
  done = false
  private readonly pool: BeamPool<Ended<R>>
  /** What lacks words that were asked for: better than nothing. */
  private incomplete: readonly Ended<R>[] = []
  private readonly progress: ((prefix: Prefix) => ConstraintState) | undefined
  private readonly select: Select

  /** @param firstBeam the number of this group's first beam among all */
  constructor(
    private readonly options: BeamOptions,
    private readonly request: SearchRequest<R>,
    root: BeamNode<R>,
    private readonly size: number,
    private readonly firstBeam: number,
  ) {
    this.live = [root]
    this.pool = new BeamPool(size, options.earlyStopping)
    this.progress = options.constraints && constraintTracker(options.constraints)
    this.select = options.select()
  }

  /** Best first. */
  get ended(): readonly Ended<R>[] {
    return [...this.pool.best, ...this.incomplete]
  }

  /** Continues the beams by one token. @param rows by live beam */
  advance(rows: readonly BeamRow<R>[]): void {
    const { size, request, options, live } = this
    const logprobs = rows.map((row) => row.logprobs)
    const sums = live.map(({ sum }) => sum)
    const count = options.candidatesPerBeam * size
    const candidates = this.select(logprobs, sums, count, request.random).map((found) => this.option(found))
    const take = (option: Option) => this.take(option, live, rows)
    // What is worse than the best `size` is there for beams to go on with, and may not end.
    for (const option of candidates.slice(0, size)) if (this.ends(option)) this.enter(take(option))
    const open = candidates.filter((option) => !this.ends(option)).sort((a, b) => b.sum - a.sum)
    this.live = this.rearranged(open.slice(0, size), logprobs).map(take)
    const best = this.isMoved ? candidates : this.live
    this.done = this.live.length === 0 || this.pool.isClosed(this.attainable(best))
    // A word that holds the end of sequence does not end its beam, as in HF.
    if (!this.done && endsAll.has(this.live[0].reason!)) this.close()
  }

  /** The modes that HF moved out of its core differ from its beam search in how they end: see `ends` and `advance`. */
  private get isMoved(): boolean {
    return this.progress !== undefined || this.options.groups !== undefined
  }

  /** In the moved modes what ends all beams at once leaves them open: they enter the pool together. */
  private ends({ reason }: Option): boolean {
    return reason !== undefined && !(this.isMoved && endsAll.has(reason))
  }

  /** Where there are too few with all words, HF ranks the rest among them; here it comes after them. */
  private close(): void {
    const isComplete = ({ prefix }: BeamNode<R>) => this.isComplete(prefix)
    for (const node of this.live.filter(isComplete)) this.pool.add(this.rated(node))
    const lacking = this.live.filter((node) => !isComplete(node)).map((node) => this.rated(node))
    this.incomplete = lacking.sort((a, b) => b.score - a.score)
    this.done = true
  }

  /** What has ended by itself counts if it has all words without its last token, as in HF. */
  private enter(node: BeamNode<R>): void {
    if (this.isComplete(node.step!.parent.prefix)) this.pool.add(this.rated(node))
  }

  private isComplete(prefix: Prefix): boolean {
    return this.progress === undefined || this.progress(prefix).done
  }

  private rated(node: BeamNode<R>): Ended<R> {
    const length = node.prefix.length - this.request.prompt.length
    return { node, score: node.sum / length ** this.options.lengthPenalty }
  }

  /** The best score that open beams can come to, by HF's heuristic. */
  private attainable(open: readonly { readonly sum: number }[]): number {
    const { earlyStopping, lengthPenalty } = this.options
    const { limit, prompt } = this.request
    const longest = earlyStopping === 'never' && lengthPenalty > 0
    const length = (longest ? limit : this.live[0].prefix.length) - prompt.length
    // In a loop, since a call takes only so many arguments.
    return open.reduce((most, { sum }) => Math.max(most, sum), -Infinity) / length ** lengthPenalty
  }

  private option(candidate: Candidate): Option {
    const prefix = extend(this.live[candidate.beam].prefix, candidate.token)
    return { ...candidate, prefix, reason: this.request.stop(prefix) }
  }

  private take(
    { prefix, sum, reason, beam, token }: Option,
    live: readonly BeamNode<R>[],
    rows: readonly BeamRow<R>[],
  ): BeamNode<R> {
    const record = rows[beam].record(token)
    return { prefix, sum, reason, step: { parent: live[beam], beam: this.firstBeam + beam, record } }
  }

  /**
   * Under constraints: adds each way to bring a word further, sorts all by bank (how far the words have come), and takes
   * the best of each bank in turn (dynamic beam allocation, Post and Vilar 2018; HF's ConstrainedBeamSearchScorer).
   */
  private rearranged(open: readonly Option[], logprobs: readonly Float32Array[]): readonly Option[] {
    const { progress } = this
    if (!progress) return open
    const takenBy = this.live.map(() => new Set<number>())
    for (const { beam, token } of open) takenBy[beam].add(token)
    const added = this.live.flatMap(({ prefix, sum }, beam) => {
      const taken = takenBy[beam]
      return [...new Set(progress(prefix).helpful)]
        .filter((token) => !taken.has(token) && logprobs[beam][token] > -Infinity)
        .map((token) => this.option({ beam, token, sum: sum + logprobs[beam][token] }))
    })
    if (added.length === 0) return open
    const places = new Map<number, number>()
    return [...open, ...added]
      .map((option) => ({ option, bank: progress(option.prefix).bank }))
      .sort((a, b) => b.bank * 100 + b.option.sum - (a.bank * 100 + a.option.sum))
      .map(({ option, bank }) => {
        const place = places.get(bank) ?? 0
        places.set(bank, place + 1)
        return { option, place }
      })
      .sort((a, b) => a.place - b.place)
      .slice(0, this.size)
      .map(({ option }) => option)
  }
}
