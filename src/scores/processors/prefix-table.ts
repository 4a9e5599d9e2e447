interface Entry {
  readonly value: number
  /** The entry's number in its log. */
  readonly at: number
}

interface Log {
  readonly entries: Map<string | number, Entry[]>
  size: number
}

/**
 * An immutable multimap that grows along a sequence. Versions of one sequence share a log and see its first
 * `size` entries; adding to the newest version costs O(1), and adding to an older one (a branch) copies it.
 */
export class PrefixTable {
  static readonly empty = () => new PrefixTable({ entries: new Map(), size: 0 }, 0)

  private constructor(
    private readonly log: Log,
    private readonly size: number,
  ) {}

  /** This table with one more value under `key`. */
  add(key: string | number, value: number): PrefixTable {
    const log = this.log.size === this.size ? this.log : this.copy()
    const entry = { value, at: log.size++ }
    const entries = log.entries.get(key)
    if (entries) entries.push(entry)
    else log.entries.set(key, [entry])
    return new PrefixTable(log, log.size)
  }

  has(key: string | number): boolean {
    const entries = this.log.entries.get(key)
    return entries !== undefined && entries[0].at < this.size
  }

  /** Calls `visit` with each value under `key`, oldest first. */
  forEach(key: string | number, visit: (value: number) => void): void {
    for (const { value, at } of this.log.entries.get(key) ?? []) {
      if (at >= this.size) break
      visit(value)
    }
  }

  /** Calls `visit` with the first value of each key, oldest first, and the number of its values. */
  forEachKey(visit: (value: number, count: number) => void): void {
    for (const entries of this.log.entries.values()) {
      if (entries[0].at >= this.size) break
      let count = entries.length
      while (entries[count - 1].at >= this.size) count--
      visit(entries[0].value, count)
    }
  }

  private copy(): Log {
    const entries = new Map<string | number, Entry[]>()
    for (const [key, all] of this.log.entries) {
      if (all[0].at >= this.size) break
      entries.set(
        key,
        all.filter(({ at }) => at < this.size),
      )
    }
    return { entries, size: this.size }
  }
}
