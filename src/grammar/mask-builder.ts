import { bitWords, clearBit, hasBit, setBit } from './bits.js'
import type { TokenMask } from './mask.js'

/** Masks with fewer ids than this part of the vocabulary are lists. */
const SPARSE = 1 / 64

/** Makes masks, one at a time: ids are a list as long as no mask of bits is among what they are made of. */
export class MaskBuilder {
  private ids: number[] = []
  /** Ids of the list as bits, none between two masks. */
  private readonly listed: Int32Array
  /** The mask's own bits, once it has some. */
  private bits: Int32Array | undefined
  /** Ids in these. */
  private count = 0

  constructor(private readonly size: number) {
    this.listed = new Int32Array(bitWords(size))
  }

  add(id: number): void {
    const bits = this.bits ?? this.listed
    if (hasBit(bits, id)) return
    setBit(bits, id)
    if (this.bits) this.count++
    else this.ids.push(id)
  }

  remove(id: number): void {
    const bits = this.bits ?? this.listed
    if (!hasBit(bits, id)) return
    clearBit(bits, id)
    if (this.bits) this.count--
  }

  addMask(mask: TokenMask): void {
    if ('ids' in mask) {
      for (let i = 0; i < mask.ids.length; i++) this.add(mask.ids[i])
      return
    }
    const { bits } = this
    if (!bits) {
      this.bits = mask.bits.slice()
      this.count = mask.count
      this.unlist((id) => this.add(id))
      return
    }
    for (let word = 0; word < bits.length; word++) {
      const added = mask.bits[word] & ~bits[word]
      if (added === 0) continue
      bits[word] |= added
      this.count += bitsOf(added)
    }
  }

  /** The mask, which is the builder's no longer. */
  finish(): TokenMask {
    const { bits, count } = this
    this.bits = undefined
    if (bits) return { bits, count }
    const ids: number[] = []
    this.unlist((id) => ids.push(id))
    return maskOfIds(ids, this.size)
  }

  /** Empties the list. @param visit is told of each id in it, once */
  private unlist(visit: (id: number) => void): void {
    const { ids, listed } = this
    this.ids = []
    for (const id of ids) {
      // One that was removed is not there any more, or was added again.
      if (!hasBit(listed, id)) continue
      clearBit(listed, id)
      visit(id)
    }
  }
}

/** The mask of ids of a vocabulary, which come in any order, each once. */
export function maskOfIds(ids: readonly number[], size: number): TokenMask {
  if (ids.length < SPARSE * size) return { ids: Int32Array.from(ids).sort(), count: ids.length }
  const bits = new Int32Array(bitWords(size))
  for (const id of ids) setBit(bits, id)
  return { bits, count: ids.length }
}

function bitsOf(word: number): number {
  let left = word - ((word >>> 1) & 0x55555555)
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333)
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
