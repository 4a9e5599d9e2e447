/** An immutable set of bytes: 256 bits in eight words. */
export class ByteSet {
  private constructor(readonly words: Int32Array) {}

  static readonly all = new ByteSet(new Int32Array(8).fill(-1))

  /** @param ranges first and last byte of each, both inside. */
  static ranges(...ranges: readonly (readonly [number, number])[]): ByteSet {
    const words = new Int32Array(8)
    for (const [first, last] of ranges) for (let b = first; b <= last; b++) words[b >> 5] |= 1 << (b & 31)
    return new ByteSet(words)
  }

  static of(bytes: Iterable<number>): ByteSet {
    return ByteSet.ranges(...[...bytes].map((b) => [b, b] as const))
  }

  has(byte: number): boolean {
    return ((this.words[byte >> 5] >>> (byte & 31)) & 1) === 1
  }

  union(other: ByteSet): ByteSet {
    return new ByteSet(this.words.map((word, i) => word | other.words[i]))
  }

  intersection(other: ByteSet): ByteSet {
    return new ByteSet(this.words.map((word, i) => word & other.words[i]))
  }

  /** Whether every byte of `other` is in this set. */
  includes(other: ByteSet): boolean {
    return other.words.every((word, i) => (word & ~this.words[i]) === 0)
  }

  get size(): number {
    return this.words.reduce((size, word) => size + ones(word), 0)
  }

  /** The least byte; −1 where there is none. */
  get first(): number {
    const i = this.words.findIndex((word) => word !== 0)
    return i < 0 ? -1 : 32 * i + 31 - Math.clz32(this.words[i] & -this.words[i])
  }

  /** The bytes, in ascending order. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let byte = 0; byte < 256; byte++) if (this.has(byte)) yield byte
  }
}

/** The bits of a word that are set. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
