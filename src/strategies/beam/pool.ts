import type { EarlyStopping } from './options.js'

/** The best sequences that have ended (HF's BeamHypotheses). */
export class BeamPool<T extends { readonly score: number }> {
  private members: T[] = []

  constructor(
    private readonly size: number,
    private readonly earlyStopping: EarlyStopping,
  ) {}

  /** Best first. */
  get best(): readonly T[] {
    return this.members
  }

  /** Enters a sequence, which may cost the worst one its place. */
  add(member: T): void {
    let [place, end] = [0, this.members.length]
    while (place < end) {
      const middle = (place + end) >>> 1
      if (this.members[middle].score < member.score) end = middle
      else place = middle + 1
    }
    this.members.splice(place, 0, member)
    this.members.length = Math.min(this.members.length, this.size)
  }

  /** Nothing will be added that changes the result. @param attainable a bound of what open sequences can score */
  isClosed(attainable: number): boolean {
    if (this.members.length < this.size) return false
    return this.earlyStopping === true || this.members.at(-1)!.score >= attainable
  }
}
