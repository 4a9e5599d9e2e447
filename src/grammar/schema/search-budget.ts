/** Steps of one search. */
const FUEL = 20_000

/** The steps that a search may still take, and whether its failure proves anything. */
export class SearchBudget {
  /** False once possibilities were passed over. */
  isExact = true
  private fuel = 0

  refill(): void {
    this.fuel = FUEL
    this.isExact = true
  }

  /** Takes steps; false where there are none left, which leaves the search without a proof. */
  spend(steps = 1): boolean {
    this.fuel -= steps
    if (this.fuel >= 0) return true
    this.isExact = false
    return false
  }

  /** A failure that proves something only where nothing was passed over. */
  fail(isProof: boolean): undefined {
    if (!isProof) this.isExact = false
    return undefined
  }
}
