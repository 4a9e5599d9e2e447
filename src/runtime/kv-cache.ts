import type { DecoderSpec } from '../models/spec.js'
import type { KVCache } from '../strategies/types.js'
import * as ort from './ort.js'
import { outOfMemory } from './session.js'

/** Attention runs over whole multiples of this many slots, so that buffers and shapes repeat from step to step. */
const PADDING = 64
const FIRST_CAPACITY = 512

/** The new number of a slot that is not kept. */
const DROPPED = -2

/** What a slot that must not be seen adds to its score: exp() of it is 0, and unlike -Infinity it cannot give NaN. */
const HIDDEN = -1e9

/**
 * Keys and values of a token tree in host memory: by layer one array of rows, [capacity, kvHeads * headDim], a row
 * a slot. Which slots a token sees follows from the parents.
 */
export class TreeCache implements KVCache {
  length = 0
  readonly keys: Float32Array[]
  readonly values: Float32Array[]
  private capacity = 0
  private parents = new Int32Array(0)
  /** Depth of each slot: the position that its rotary embedding has. */
  private depths = new Int32Array(0)
  /** The first slots that form a chain, each the child of the one before: their ancestry needs no walk. */
  private chain = 0
  private readonly rowSize: number
  /** Past tensors by number of rows; they are views of the arrays and stay valid until these grow. */
  private readonly views = new Map<number, Record<string, ort.Tensor>>()

  constructor(private readonly spec: DecoderSpec) {
    this.rowSize = spec.kvHeads * spec.headDim
    this.keys = spec.layers.map(() => new Float32Array(0))
    this.values = spec.layers.map(() => new Float32Array(0))
  }

  /** Slots that attention runs over for `count` rows. */
  static padded(count: number): number {
    return Math.ceil(count / PADDING) * PADDING
  }

  /** Makes room for `count` more slots, padding included. */
  reserve(count: number): void {
    const needed = TreeCache.padded(this.length + count)
    if (needed <= this.capacity) return
    const capacity = Math.max(needed, FIRST_CAPACITY, TreeCache.padded(this.capacity * 1.5))
    try {
      for (const arrays of [this.keys, this.values]) {
        for (const [layer, array] of arrays.entries()) arrays[layer] = this.grown(array, capacity)
      }
    } catch (error) {
      throw outOfMemory(`for a cache of ${capacity} tokens`, error)
    }
    this.parents = copyInto(new Int32Array(capacity), this.parents)
    this.depths = copyInto(new Int32Array(capacity), this.depths)
    this.capacity = capacity
    this.views.clear()
  }

  private grown(array: Float32Array, capacity: number): Float32Array {
    const used = array.subarray(0, this.length * this.rowSize)
    return copyInto(new Float32Array(capacity * this.rowSize), used)
  }

  /** Enters tokens whose rows a forward pass is about to write; -1 is a parent at the start. */
  append(parents: readonly number[]): void {
    for (const parent of parents) {
      const slot = this.length++
      this.parents[slot] = parent
      this.depths[slot] = parent < 0 ? 0 : this.depths[parent] + 1
      if (this.chain === slot && parent === slot - 1) this.chain++
    }
  }

  /** Takes back the last `count` slots. */
  retract(count: number): void {
    this.length -= count
    this.chain = Math.min(this.chain, this.length)
  }

  keep(slots: readonly number[]): void {
    const parents = this.renumberedParents(slots)
    for (const [target, slot] of slots.entries()) this.depths[target] = this.depths[slot]
    this.parents.set(parents)
    this.moveRows(slots)
    this.length = slots.length
    const branch = parents.findIndex((parent, slot) => parent !== slot - 1)
    this.chain = branch < 0 ? this.length : branch
  }

  /** The parents of the kept slots as they are numbered afterwards; throws while nothing has changed yet. */
  private renumberedParents(slots: readonly number[]): Int32Array {
    const targets = new Int32Array(this.length).fill(DROPPED)
    const parents = new Int32Array(slots.length)
    for (const [target, slot] of slots.entries()) {
      if (slot <= (slots[target - 1] ?? -1) || slot >= this.length) {
        throw new RangeError(`keep() needs ascending slots below ${this.length}, not ${slots}`)
      }
      const parent = this.parents[slot]
      parents[target] = parent < 0 ? -1 : targets[parent]
      if (parents[target] === DROPPED) {
        throw new RangeError(`keep() drops slot ${parent}, the parent of ${slot}`)
      }
      targets[slot] = target
    }
    return parents
  }

  /** In runs of neighbours; the first run is mostly where it belongs already. */
  private moveRows(slots: readonly number[]): void {
    for (let target = 0; target < slots.length; ) {
      let end = target + 1
      while (end < slots.length && slots[end] === slots[end - 1] + 1) end++
      const from = slots[target]
      if (from !== target) {
        for (const array of [...this.keys, ...this.values]) {
          array.copyWithin(target * this.rowSize, from * this.rowSize, (from + end - target) * this.rowSize)
        }
      }
      target = end
    }
  }

  dispose(): void {
    this.length = this.capacity = this.chain = 0
    this.keys.fill(new Float32Array(0))
    this.values.fill(new Float32Array(0))
    this.views.clear()
  }

  /** Positions of the last `count` slots: a view. */
  positions(count: number): Int32Array {
    return this.depths.subarray(this.length - count, this.length)
  }

  /**
   * The attention mask of the last `count` slots, [count, 1, columns]; with a `window` only ancestors less than that
   * many positions back are seen. Column c stands for slot c, but the new slots begin at column `newColumn`.
   */
  mask(count: number, columns: number, newColumn: number, window?: number): ort.Tensor {
    const first = this.length - count
    const mask = new Float32Array(count * columns).fill(HIDDEN)
    for (let token = 0; token < count; token++) {
      const row = mask.subarray(token * columns, (token + 1) * columns)
      let slot = first + token
      let left = window ?? Infinity
      for (; slot >= first && left > 0; left--) {
        row[newColumn + slot - first] = 0
        slot = this.parents[slot]
      }
      for (; slot >= this.chain && left > 0; left--) {
        row[slot] = 0
        slot = this.parents[slot]
      }
      if (slot >= 0 && left > 0) row.fill(0, Math.max(0, slot + 1 - left), slot + 1)
    }
    return new ort.Tensor('float32', mask, [count, 1, columns])
  }

  /** The first `rows` slots of every layer as `past_key.i` and `past_value.i`, [rows, kvHeads, headDim]. */
  past(rows: number): Record<string, ort.Tensor> {
    const known = this.views.get(rows)
    if (known) return known
    const shape = [rows, this.spec.kvHeads, this.spec.headDim]
    const view = (array: Float32Array) =>
      new ort.Tensor('float32', array.subarray(0, rows * this.rowSize), shape)
    const tensors: Record<string, ort.Tensor> = {}
    for (const [layer, keys] of this.keys.entries()) {
      tensors[`past_key.${layer}`] = view(keys)
      tensors[`past_value.${layer}`] = view(this.values[layer])
    }
    this.views.set(rows, tensors)
    return tensors
  }

  /** The rows of the last `count` slots as `key.i` and `value.i`, [count, kvHeads * headDim]: views to write to. */
  newRows(count: number): Record<string, ort.Tensor> {
    const from = (this.length - count) * this.rowSize
    const shape = [count, this.rowSize]
    const view = (array: Float32Array) =>
      new ort.Tensor('float32', array.subarray(from, from + count * this.rowSize), shape)
    const tensors: Record<string, ort.Tensor> = {}
    for (const [layer, keys] of this.keys.entries()) {
      tensors[`key.${layer}`] = view(keys)
      tensors[`value.${layer}`] = view(this.values[layer])
    }
    return tensors
  }
}

function copyInto<A extends Float32Array | Int32Array>(target: A, source: A): A {
  target.set(source as never)
  return target
}
