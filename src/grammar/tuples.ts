/** Tuples of integers, each with a number of its own: equal tuples have the same one, and numbers count up from 0. */
export class Tuples {
  private table = new Int32Array(64).fill(-1)
  private readonly hashes: number[] = []
  private readonly tuples: (readonly number[])[] = []

  get size(): number {
    return this.tuples.length
  }

  /** @param tuple is kept as it is, and must not be changed afterwards */
  intern(tuple: readonly number[]): number {
    const hash = hashOf(tuple)
    let slot = hash & (this.table.length - 1)
    for (let id = this.table[slot]; id !== -1; id = this.table[slot]) {
      if (this.hashes[id] === hash && areEqual(this.tuples[id], tuple)) return id
      slot = (slot + 1) & (this.table.length - 1)
    }
    const id = this.tuples.length
    this.table[slot] = id
    this.hashes.push(hash)
    this.tuples.push(tuple)
    if (this.tuples.length * 2 > this.table.length) this.grow()
    return id
  }

  tuple(id: number): readonly number[] {
    return this.tuples[id]
  }

  private grow(): void {
    this.table = new Int32Array(this.table.length * 2).fill(-1)
    for (const [id, hash] of this.hashes.entries()) {
      let slot = hash & (this.table.length - 1)
      while (this.table[slot] !== -1) slot = (slot + 1) & (this.table.length - 1)
      this.table[slot] = id
    }
  }
}

function hashOf(tuple: readonly number[]): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < tuple.length; i++) {
    hash = Math.imul(hash ^ tuple[i], 0x01000193)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
