/** Buckets per unit of score: tokens that share a bucket are sorted only where a cut falls into it. */
const RESOLUTION = 64
const BUCKETS = 4096
/** So many of the best are found in one pass without a histogram. */
const FEW = 16

/** Where a walk from the best token down reaches its goal: inside `bucket`. */
interface Boundary {
  readonly bucket: number
  /** Tokens, or mass, in the better buckets. */
  readonly before: number
}

/**
 * The order of scores, best first, found without sorting the vocabulary: one pass counts the scores by bucket
 * (their distance from the best one, in steps of 1/64), and only the bucket that holds the cut is sorted.
 * Among equal scores the lower index comes first (torch leaves their order open). One instance can be used for
 * any number of calls. Scores of -Infinity are impossible tokens and have no rank.
 */
export class Ranking {
  private readonly histogram = new Float64Array(BUCKETS)
  private scores: Float32Array = new Float32Array(0)
  private best = 0

  /** Looks at `scores`, [vocab]; they must not change until the last question about them. */
  read(scores: Float32Array): this {
    this.scores = scores
    this.best = maximum(scores)
    return this
  }

  /** The score of the `count`-th best token, 1 for the best; -Infinity where fewer tokens are possible. */
  scoreAt(count: number): number {
    if (count === 1) return this.best
    const { bucket, before } = this.count().boundary(count)
    const members = this.sorted(bucket, bucket)
    return members.length < count - before ? -Infinity : this.scores[members[count - before - 1]]
  }

  /** The `count` best tokens, best first; fewer where fewer are possible. */
  top(count: number): number[] {
    if (count <= FEW) return this.few(count)
    return this.sorted(0, this.count().boundary(count).bucket).slice(0, count)
  }

  /**
   * Where the running total of `weights`, [vocab], best token first, reaches `amount`: `members` are the tokens
   * of that bucket, best first, and `before` is the total of all better ones.
   */
  cut(weights: Float32Array, amount: number): { before: number; members: number[] } {
    const { bucket, before } = this.weigh(weights).boundary(amount)
    return { before, members: this.sorted(bucket, bucket) }
  }

  /** Those seen so far stay sorted: of random scores hardly one in a thousand gets in. */
  private few(count: number): number[] {
    const { scores } = this
    const tokens: number[] = []
    let least = -Infinity
    for (let i = 0; i < scores.length; i++) {
      if (!(scores[i] > least)) continue
      let place = tokens.length
      while (place > 0 && scores[i] > scores[tokens[place - 1]]) place--
      tokens.splice(place, 0, i)
      if (tokens.length > count) tokens.pop()
      if (tokens.length === count) least = scores[tokens[count - 1]]
    }
    return tokens
  }

  private count(): this {
    const { histogram, scores, best } = this
    histogram.fill(0)
    for (let i = 0; i < scores.length; i++)
      if (scores[i] !== -Infinity) histogram[bucketOf(best - scores[i])]++
    return this
  }

  private weigh(weights: Float32Array): this {
    const { histogram, scores, best } = this
    histogram.fill(0)
    for (let i = 0; i < scores.length; i++) {
      if (scores[i] !== -Infinity) histogram[bucketOf(best - scores[i])] += weights[i]
    }
    return this
  }

  private boundary(amount: number): Boundary {
    const { histogram } = this
    let bucket = 0
    let before = 0
    while (bucket < BUCKETS - 1 && before + histogram[bucket] < amount) before += histogram[bucket++]
    return { bucket, before }
  }

  /** The tokens of the buckets `from` to `to`, best first. */
  private sorted(from: number, to: number): number[] {
    const { scores, best } = this
    const indices: number[] = []
    // A cheap test for most tokens, with a bucket of slack for its rounding.
    const floor = to < BUCKETS - 1 ? best - (to + 2) / RESOLUTION : -Infinity
    for (let i = 0; i < scores.length; i++) {
      if (scores[i] < floor || scores[i] === -Infinity) continue
      const bucket = bucketOf(best - scores[i])
      if (bucket >= from && bucket <= to) indices.push(i)
    }
    return indices.sort((a, b) => scores[b] - scores[a])
  }
}

function bucketOf(distance: number): number {
  const bucket = distance * RESOLUTION
  return bucket < BUCKETS ? bucket | 0 : BUCKETS - 1
}

/** The largest score; -Infinity where there is none. */
export function maximum(scores: Float32Array): number {
  let best = -Infinity
  for (let i = 0; i < scores.length; i++) if (scores[i] > best) best = scores[i]
  return best
}

/** Takes the item of the highest score out of a list that is not empty; the first one of several. */
export function takeHighest<T>(items: T[], score: (item: T) => number): T {
  let best = 0
  for (let i = 1; i < items.length; i++) if (score(items[i]) > score(items[best])) best = i
  return items.splice(best, 1)[0]
}
