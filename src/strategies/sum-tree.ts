/** Numbers from 0 on whose running sum is searched, and which change, in time that grows with the logarithm of their count. */
export class SumTree {
  /** A node's children are at twice its place and the next; the numbers begin at `size`. */
  private readonly sums: Float64Array
  private readonly size: number

  constructor(values: readonly number[]) {
    this.size = 2 ** Math.ceil(Math.log2(Math.max(1, values.length)))
    this.sums = new Float64Array(2 * this.size)
    this.sums.set(values, this.size)
    for (let node = this.size - 1; node > 0; node--) this.add(node)
  }

  get total(): number {
    return this.sums[1]
  }

  set(index: number, value: number): void {
    let node = this.size + index
    this.sums[node] = value
    for (node >>= 1; node > 0; node >>= 1) this.add(node)
  }

  /**
   * The number at which the running sum passes `target`, and what is left of that there; rounding may leave it to the last one that
   * is positive. One of 0 is never found, unless all are.
   */
  locate(target: number): { readonly index: number; readonly rest: number } {
    const { sums, size } = this
    let node = 1
    let rest = target
    while (node < size) {
      node *= 2
      if (rest < sums[node] || sums[node + 1] === 0) continue
      rest -= sums[node]
      node++
    }
    return { index: node - size, rest }
  }

  private add(node: number): void {
    this.sums[node] = this.sums[2 * node] + this.sums[2 * node + 1]
  }
}
