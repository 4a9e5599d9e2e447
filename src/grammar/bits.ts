/** Sets of ids, a bit each: id `i` is bit `i % 32` of word `i / 32`. */

export function bitWords(size: number): number {
  return (size + 31) >>> 5
}

export function setBit(bits: Int32Array, id: number): void {
  bits[id >>> 5] |= 1 << (id & 31)
}

export function hasBit(bits: Int32Array, id: number): boolean {
  return ((bits[id >>> 5] >>> (id & 31)) & 1) === 1
}

export function clearBit(bits: Int32Array, id: number): void {
  bits[id >>> 5] &= ~(1 << (id & 31))
}

/** The ids of a set in order. @param count of them */
export function idsOfBits(bits: Int32Array, count: number): Int32Array {
  const ids = new Int32Array(count)
  let at = 0
  for (let word = 0; at < count; word++) {
    for (let left = bits[word]; left !== 0; left &= left - 1) ids[at++] = (word << 5) + lowestBit(left)
  }
  return ids
}

/** The place of the lowest bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/** A copy of an array that has room for an index, zeros behind. */
export function grown(array: Int32Array, index: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(Math.max(2 * array.length, index + 1))
  longer.set(array)
  return longer
}
