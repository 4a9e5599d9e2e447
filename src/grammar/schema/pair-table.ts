/** Numbers by pairs of integers, the first of which is not negative. */
export class PairTable {
  private mask = 1023
  private firsts = new Int32Array(1024).fill(-1)
  private seconds = new Int32Array(1024)
  private values = new Int32Array(1024)
  private count = 0

  get size(): number {
    return this.count
  }

  /** −1 where there is none. */
  get(first: number, second: number): number {
    let slot = slotOf(first, second) & this.mask
    while (this.firsts[slot] !== -1) {
      if (this.firsts[slot] === first && this.seconds[slot] === second) return this.values[slot]
      slot = (slot + 1) & this.mask
    }
    return -1
  }

  set(first: number, second: number, value: number): void {
    if (2 * ++this.count > this.mask) this.grow()
    let slot = slotOf(first, second) & this.mask
    while (this.firsts[slot] !== -1) slot = (slot + 1) & this.mask
    this.firsts[slot] = first
    this.seconds[slot] = second
    this.values[slot] = value
  }

  private grow(): void {
    const { firsts, seconds, values } = this
    const size = 2 * firsts.length
    this.mask = size - 1
    this.firsts = new Int32Array(size).fill(-1)
    this.seconds = new Int32Array(size)
    this.values = new Int32Array(size)
    this.count = 1
    for (const [slot, first] of firsts.entries())
      if (first !== -1) this.set(first, seconds[slot], values[slot])
  }
}

function slotOf(first: number, second: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
