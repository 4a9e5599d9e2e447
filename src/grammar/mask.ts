import { clearBit, hasBit, idsOfBits, lowestBit, setBit } from './bits.js'

/** The ids that are allowed: few as a sorted list, many as bits. */
export type TokenMask = SparseMask | DenseMask

interface SparseMask {
  readonly ids: Int32Array
  readonly count: number
}

interface DenseMask {
  readonly bits: Int32Array
  readonly count: number
}

/** Bytes of memory. */
export function bytesOfMask(mask: TokenMask): number {
  return ('bits' in mask ? mask.bits : mask.ids).byteLength
}

export function allows(mask: TokenMask, id: number): boolean {
  if ('bits' in mask) return id >>> 5 < mask.bits.length && hasBit(mask.bits, id)
  const { ids } = mask
  let [from, to] = [0, ids.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (ids[middle] < id) from = middle + 1
    else to = middle
  }
  return ids[from] === id
}

/** The ids of a mask in order. */
export function idsOf(mask: TokenMask): Int32Array {
  return 'ids' in mask ? mask.ids : idsOfBits(mask.bits, mask.count)
}

/** A mask with one more id. */
export function withToken(mask: TokenMask, id: number): TokenMask {
  if (allows(mask, id)) return mask
  const count = mask.count + 1
  if ('ids' in mask) return { ids: Int32Array.of(...mask.ids, id).sort(), count }
  const bits = mask.bits.slice()
  setBit(bits, id)
  return { bits, count }
}

/** A mask that has the id without it. */
export function withoutToken(mask: TokenMask, id: number): TokenMask {
  const count = mask.count - 1
  if ('ids' in mask) return { ids: mask.ids.filter((each) => each !== id), count }
  const bits = mask.bits.slice()
  clearBit(bits, id)
  return { bits, count }
}

/** Masks with fewer ids than this part of the logits are applied by these ids, others by the ids that they lack. */
const FEW = 1 / 4

/** Sets the scores of all ids that are not allowed to -Infinity. @param logits [vocabulary or more] */
export function applyMask(logits: Float32Array, mask: TokenMask): void {
  if ('ids' in mask) keepOnly(logits, mask.ids)
  else if (mask.count < FEW * logits.length) keepOnly(logits, idsOfBits(mask.bits, mask.count))
  else dropOthers(logits, mask.bits)
}

function keepOnly(logits: Float32Array, ids: Int32Array): void {
  const kept = new Float32Array(ids.length)
  for (let i = 0; i < ids.length; i++) kept[i] = logits[ids[i]]
  logits.fill(-Infinity)
  for (let i = 0; i < ids.length; i++) logits[ids[i]] = kept[i]
}

/** Walks words instead of ids: in most of them all are allowed. */
function dropOthers(logits: Float32Array, bits: Int32Array): void {
  const words = Math.min(bits.length, logits.length >>> 5)
  for (let word = 0; word < words; word++) {
    for (let left = ~bits[word]; left !== 0; left &= left - 1) {
      logits[(word << 5) + lowestBit(left)] = -Infinity
    }
  }
  for (let id = words << 5; id < logits.length; id++) {
    if (id >>> 5 >= bits.length || !hasBit(bits, id)) logits[id] = -Infinity
  }
}
