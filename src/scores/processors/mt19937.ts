const N = 624
const M = 397

/**
 * The 32-bit Mersenne Twister (Matsumoto and Nishimura 1998), seeded as torch.Generator.manual_seed seeds it:
 * with the low 32 bits of the seed. torch draws its CPU permutations and integers from it, and watermarks
 * depend on them.
 */
export class MersenneTwister {
  private readonly state = new Uint32Array(N)
  private next = N

  constructor(seed: number | bigint) {
    this.state[0] = Number(BigInt.asUintN(32, BigInt(seed)))
    for (let i = 1; i < N; i++) {
      const previous = this.state[i - 1]
      this.state[i] = Math.imul(previous ^ (previous >>> 30), 1812433253) + i
    }
  }

  /** The next integer in [0, 2^32). */
  draw(): number {
    if (this.next === N) this.twist()
    let y = this.state[this.next++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    y ^= y >>> 18
    return y >>> 0
  }

  private twist(): void {
    const { state } = this
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[i + 1 < N ? i + 1 : 0] & 0x7fffffff)
      const twisted = (y >>> 1) ^ (-(y & 1) & 0x9908b0df)
      state[i] = state[i + M < N ? i + M : i + M - N] ^ twisted
    }
    this.next = 0
  }
}

/** torch.randperm(size) on the CPU: a Fisher-Yates shuffle from the front. */
export function randomPermutation(size: number, seed: number | bigint): Int32Array {
  return permutationHead(size, size, seed)
}

/** The first `count` items of torch.randperm(size); a view of `items`, which may be a buffer to reuse, [size]. */
export function permutationHead(
  size: number,
  count: number,
  seed: number | bigint,
  items = new Int32Array(size),
): Int32Array {
  const generator = new MersenneTwister(seed)
  for (let i = 0; i < size; i++) items[i] = i
  for (let i = 0; i < Math.min(count, size - 1); i++) {
    const j = i + (generator.draw() % ((size - i) >>> 0))
    const item = items[i]
    items[i] = items[j]
    items[j] = item
  }
  return items.subarray(0, count)
}

/** Whether `item` is among the first `count` of torch.randperm(size); follows that one item only. */
export function isInPermutationHead(
  item: number,
  size: number,
  count: number,
  seed: number | bigint,
): boolean {
  const generator = new MersenneTwister(seed)
  let position = item
  for (let i = 0; i < Math.min(count, size - 1); i++) {
    const j = i + (generator.draw() % ((size - i) >>> 0))
    if (j === position) return true
    if (i === position) position = j
  }
  return position < count
}
