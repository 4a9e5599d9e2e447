/** What a step costs, in any unit of time. */
export interface StepCosts {
  /** A pass of the target over so many tokens. */
  pass(tokens: number): number
  /** Drafting so many nodes, after a step that drafted as well. */
  draft(nodes: number): number
  /** What a draft takes longer after steps without one: its weights are in no cache. By default nothing. */
  readonly coldStart?: number
}

/** Decides how much is drafted. */
export interface DraftControl {
  /** Nodes that the next draft should have; 0 for no draft. */
  readonly size: number
  /** Enters a step: the nodes of its draft, and those that were accepted. */
  record(drafted: number, path: readonly number[]): void
}

/**
 * Makes the control of one sequence.
 * @param budget that it shares with others; by default its own
 */
export type CreateDraftControl = (budget?: RegretBudget) => DraftControl

/** Before anything is known: the first node of a draft is right, and each further one where the one before it is. */
const PRIOR = { first: 0.6, further: 0.85, weight: 2 }
/** What is left of a draft's weight when the next one is entered: about the last 20 count. */
const DECAY = 0.95
/** The same for a node that was not drafted: what did not pay is tried again soon, for what a text repeats comes in bursts. */
const FORGETTING = 0.92
/**
 * What a draft has to promise, as a factor of plain decoding's rate: of several sizes the one with the highest estimate is more often
 * overestimated than not, and a step has costs beside its two parts.
 */
const MARGIN = 1.1
/** What drafts that do not pay may cost in all: a share of plain decoding's time, and so many of its passes. */
const LOSS = { share: 0.01, passes: 3 }
/** Passes of plain decoding that earlier gains pay for at most when drafts stop being right. */
const SAVINGS = 20

/** What drafts that do not pay may cost a sequence, in passes of plain decoding. */
export class RegretBudget {
  private balance = LOSS.passes
  private readonly share: number

  /** @param controls that share it, each of which enters every step */
  constructor(controls = 1) {
    this.share = LOSS.share / controls
  }

  /** Passes that may still be lost. */
  get passes(): number {
    return this.balance
  }

  /** Enters a step that took the time of so many passes. */
  enter(tokens: number, passes: number): void {
    this.balance = Math.min(this.balance + tokens * (1 + this.share) - passes, SAVINGS)
  }
}

/**
 * Drafts the number of nodes that promises the most tokens in a unit of time: (1 + expected accepted nodes) / (cost of the pass + cost of
 * the draft), and none where that is less than 1.1 times plain decoding's rate. Expectations are running means by node, since a draft's
 * first nodes are what a smaller draft would have been. A cold start is lost time and not part of the rate, since drafts that pay go on.
 * Of the costs, which are measured beforehand, it follows that a sequence takes no longer than 1.01 times plain decoding and three passes,
 * however wrong the drafts are; and nothing depends on a clock.
 */
export class ThroughputControl implements DraftControl {
  /** By node, weighted: drafts that had it, and those of them in which it was accepted. */
  private readonly drafts: Float64Array
  private readonly hits: Float64Array
  /** By nodes of the draft, from none on. */
  private readonly stepCost: Float64Array
  private readonly coldStart: number
  /** What the next draft takes longer. */
  private start: number

  /** @param most nodes that a draft can have */
  constructor(
    { pass, draft, coldStart = 0 }: StepCosts,
    private readonly most: number,
    private readonly budget = new RegretBudget(),
  ) {
    this.drafts = new Float64Array(most)
    this.hits = new Float64Array(most)
    this.stepCost = Float64Array.from(
      { length: most + 1 },
      (_, nodes) => pass(1 + nodes) + (nodes > 0 ? draft(nodes) : 0),
    )
    this.coldStart = coldStart
    this.start = coldStart
  }

  get size(): number {
    const plain = this.stepCost[0]
    let size = 0
    let rate = MARGIN / plain
    let tokens = 1
    let prior = PRIOR.first
    for (let node = 0; node < this.most; node++) {
      const probability = (prior * PRIOR.weight + this.hits[node]) / (PRIOR.weight + this.drafts[node])
      prior = PRIOR.further * probability
      tokens += probability
      const cost = this.stepCost[node + 1]
      if (cost + this.start - plain > this.budget.passes * plain) break
      if (tokens / cost > rate) {
        size = node + 1
        rate = tokens / cost
      }
    }
    return size
  }

  record(drafted: number, path: readonly number[]): void {
    const cost = this.stepCost[drafted] + (drafted > 0 ? this.start : 0)
    this.budget.enter(path.length + 1, cost / this.stepCost[0])
    this.start = drafted > 0 ? 0 : this.coldStart
    for (let node = 0; node < this.most; node++) {
      const isDrafted = node < drafted
      const kept = isDrafted ? DECAY : FORGETTING
      this.drafts[node] = this.drafts[node] * kept + (isDrafted ? 1 : 0)
      this.hits[node] = this.hits[node] * kept + (isDrafted && path.includes(node) ? 1 : 0)
    }
  }
}
