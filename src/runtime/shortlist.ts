import { blocksOf, SORTED_BLOCK } from '../models/decoder/shortlist.js'
import * as ort from './ort.js'

/** What of a pass's rows comes back: all scores, or those of a `shortlist` and one more, which tells of a tie. */
export class Shortlist {
  readonly entries: number

  /** @param count of `ForwardOptions`, or undefined for all scores */
  constructor(
    private readonly count: number | undefined,
    private readonly vocabSize: number,
  ) {
    this.entries = (count ?? 0) + 1
  }

  /** A shortlist where there is less of it, a score and an id each, than of all scores. */
  static of(count: number | undefined, vocabSize: number): Shortlist {
    return new Shortlist(count !== undefined && 3 * (count + 1) < vocabSize ? count : undefined, vocabSize)
  }

  get isWhole(): boolean {
    return this.count === undefined
  }

  /** The graph's inputs. */
  feeds(): Record<string, ort.Tensor> {
    const int64 = (value: number) => new ort.Tensor('int64', [BigInt(value)], [1])
    return {
      shortlist: int64(this.entries),
      shortlist_blocks: int64(blocksOf(this.entries, this.vocabSize)),
    }
  }

  fetches(): Record<string, null> {
    return this.isWhole ? { logits: null } : { top_scores: null, top_places: null, top_blocks: null }
  }

  /** Whether scores that are left out equal the last one that is not. */
  isTied({ top_scores }: Results): boolean {
    const { count, entries } = this
    // Of equals that are best the first one has come.
    if (count === undefined || count === 1) return false
    const scores = top_scores.data as Float32Array
    for (let end = entries; end <= scores.length; end += entries) {
      if (scores[end - 1] === scores[end - 2]) return true
    }
    return false
  }

  /** The ids and scores of the results' rows, best first. */
  read({ top_scores, top_places, top_blocks }: Results): (row: number) => TopScores {
    const [places, blocks] = [top_places, top_blocks].map(({ data }) => data as BigInt64Array)
    const { entries, vocabSize } = this
    const blockCount = blocksOf(entries, vocabSize)
    return (row) => {
      const start = row * entries
      const end = start + entries - 1
      const idOf = (place: number) =>
        Number(blocks[row * blockCount + Math.floor(place / SORTED_BLOCK)]) * SORTED_BLOCK +
        (place % SORTED_BLOCK)
      return {
        ids: Array.from(places.subarray(start, end), (place) => idOf(Number(place))),
        scores: (top_scores.data as Float32Array).subarray(start, end),
      }
    }
  }
}

type Results = Readonly<Record<string, ort.Tensor>>

export interface TopScores {
  readonly ids: readonly number[]
  readonly scores: Float32Array
}

/** Whole rows with nothing but a few scores, in arrays that are used again. */
export class SparseRows {
  private readonly rows: { readonly scores: Float32Array; ids: readonly number[] }[] = []
  private used = 0

  constructor(private readonly vocabSize: number) {}

  /** Takes all rows back. */
  clear(): void {
    this.used = 0
  }

  /** -Infinity but for these scores, [vocab]. */
  row({ ids, scores }: TopScores): Float32Array {
    this.rows[this.used] ??= { scores: new Float32Array(this.vocabSize).fill(-Infinity), ids: [] }
    const row = this.rows[this.used++]
    for (const id of row.ids) row.scores[id] = -Infinity
    for (const [i, id] of ids.entries()) row.scores[id] = scores[i]
    row.ids = ids
    return row.scores
  }
}
