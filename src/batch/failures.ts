/** Rows that could not be served for one reason. */
export interface RowFailure {
  /** Error of the first row of them. */
  readonly error: string
  readonly first: string
  readonly rows: number
}

/** Errors by what they say, apart from numbers and what is quoted. */
export class Failures {
  private readonly reasons = new Map<string, RowFailure>()

  /** @param row its key */
  add(row: string, error: string): void {
    const reason = error.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\d+/g, '0')
    const known = this.reasons.get(reason) ?? { error, first: row, rows: 0 }
    this.reasons.set(reason, { ...known, rows: known.rows + 1 })
  }

  /** The most frequent reason first. */
  list(): readonly RowFailure[] {
    return [...this.reasons.values()].sort((a, b) => b.rows - a.rows)
  }
}
