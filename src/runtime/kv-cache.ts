import type { KVCache } from '../model/model.js'
import { outOfMemory } from './failures.js'
import { availableMemory } from './memory.js'
import * as ort from './ort.js'

/** Attention runs over whole multiples of this many slots, so that shapes repeat from step to step. */
const PADDING = 64
const FIRST_CAPACITY = 512

/** The new number of a slot that is not kept. */
const DROPPED = -2

/** What it takes to copy a column of the cache, over what it takes a token to attend to it: on SmolLM2-135M about 5; it should pay well. */
const COPYING = 16

/** What a slot that must not be seen adds to its score: exp() of it is 0, and unlike -Infinity it cannot give NaN. */
export const HIDDEN = -1e9

/** What layers keep of each token, a row a slot. */
export interface CacheRows {
  readonly byteLength: number
  /** Makes room for `capacity` rows; the first `used` are kept. */
  allocate(capacity: number, used: number): void
  /** Gives them `columns` columns, at most as many as there is room for; the first `used` are kept. */
  layOut(columns: number, used: number): void
  /** Moves the rows of ascending slots to the beginning. */
  keep(slots: readonly number[]): void
  release(): void
}

/** What the columns that attention sees are. */
export interface MaskColumns {
  readonly columns: number
  readonly newColumn: number
  /** Those of earlier slots; all of them by default. */
  readonly slots?: readonly number[]
}

/** The cache of a token tree. Which slots a token sees follows from the parents. */
export class TreeCache<Rows extends CacheRows = CacheRows> implements KVCache {
  length = 0
  /** Slots that attention runs over: those in use, and some that the mask hides. */
  columns = 0
  private capacity = 0
  private parents = new Int32Array(0)
  /** Depth of each slot: the position that its rotary embedding has. */
  private depths = new Int32Array(0)
  /** The first slots that form a chain, each the child of the one before: their ancestry needs no walk. */
  private chain = 0

  constructor(readonly rows: Rows) {}

  /** Allocates room for `count` more slots, padding included. */
  reserve(count: number): void {
    const needed = spacious(this.length + count)
    if (needed <= this.capacity) return
    // Memory that is not touched is not resident: room is cheap, and growing leaves garbage.
    const capacity = Math.max(needed + (needed >> 1), FIRST_CAPACITY)
    // A system that is asked for more than it has may end the process instead.
    const perSlot = this.length > 0 ? this.rows.byteLength / this.capacity : 0
    if ((needed - this.length) * perSlot > availableMemory()) {
      throw outOfMemory(`for a cache of ${needed} tokens`, undefined)
    }
    try {
      this.rows.allocate(capacity, this.length)
    } catch (error) {
      throw outOfMemory(`for a cache of ${capacity} tokens`, error)
    }
    this.parents = copyInto(new Int32Array(capacity), this.parents)
    this.depths = copyInto(new Int32Array(capacity), this.depths)
    this.capacity = capacity
  }

  /** Lays the rows out so that there are columns for `count` more slots, for which there is room. */
  widen(count: number): void {
    if (this.length + count <= this.columns) return
    this.columns = spacious(this.length + count)
    this.rows.layOut(this.columns, this.length)
  }

  /** Bytes of all rows, room to grow included. */
  get byteLength(): number {
    return this.rows.byteLength
  }

  /** Enters tokens whose rows a forward pass is about to write; -1 is a parent at the start. */
  append(parents: Iterable<number>): void {
    for (const parent of parents) {
      const slot = this.length++
      this.parents[slot] = parent
      this.depths[slot] = parent < 0 ? 0 : this.depths[parent] + 1
      if (this.chain === slot && parent === slot - 1) this.chain++
    }
  }

  /** Enters the slots of another one, without their rows; this one is empty. */
  protected enter({ parents, length }: TreeCache): void {
    this.reserve(length)
    this.widen(length)
    this.append(parents.subarray(0, length))
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
    this.rows.keep(slots)
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

  dispose(): void {
    this.length = this.columns = this.capacity = this.chain = 0
    this.rows.release()
  }

  /** Positions of the last `count` slots: a view. */
  positions(count: number): Int32Array {
    return this.depths.subarray(this.length - count, this.length)
  }

  /** Of each of the last `count` slots its nearest ancestors and itself, the last of `length`; -1 before the start. [count, length] */
  lineage(count: number, length: number): Int32Array {
    const lines = new Int32Array(count * length).fill(-1)
    for (let token = 0; token < count; token++) {
      let slot = this.length - count + token
      for (let i = length - 1; i >= 0 && slot >= 0; i--) {
        lines[token * length + i] = slot
        slot = this.parents[slot]
      }
    }
    return lines
  }

  /**
   * The slots that the last `count` ones descend from, ascending, where these are so few of all columns that a copy of them pays:
   * in a tree of many sequences a prompt sees its own columns only.
   */
  ancestors(count: number): number[] | undefined {
    const first = this.length - count
    const isWorth = (used: number) => (this.columns - padded(used)) * count > COPYING * used
    if (!isWorth(count)) return undefined
    const seen = new Uint8Array(first)
    const found: number[] = []
    let inChain = 0
    for (let token = first; token < this.length; token++) {
      let slot = this.parents[token]
      if (slot >= first) continue
      for (; slot >= this.chain && !seen[slot]; slot = this.parents[slot]) {
        seen[slot] = 1
        found.push(slot)
      }
      if (slot < this.chain) inChain = Math.max(inChain, slot + 1)
      if (!isWorth(inChain + found.length + count)) return undefined
    }
    return [...Array(inChain).keys(), ...found.sort((a, b) => a - b)]
  }

  /**
   * The attention mask of the last `count` slots, [count, columns]; with a `window` only ancestors less than that
   * many positions back are seen. Column c stands for slot c, or for the c-th of `slots`, and new slots begin at column `newColumn`.
   */
  mask(count: number, { columns, newColumn, slots }: MaskColumns, window?: number): ort.Tensor {
    const columnOf = slots && new Map(slots.map((slot, column) => [slot, column]))
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
        row[columnOf?.get(slot) ?? slot] = 0
        slot = this.parents[slot]
      }
      // The beginning of the chain that is seen is the beginning of `slots` as well.
      if (slot >= 0 && left > 0) row.fill(0, Math.max(0, slot + 1 - left), slot + 1)
    }
    return new ort.Tensor('float32', mask, [count, columns])
  }
}

/** @throws RangeError for tokens that cannot be appended to a cache with these parents */
export function checkParents(cache: KVCache, count: number, parents: readonly number[]): void {
  if (count === 0 || count !== parents.length) {
    throw new RangeError(`${count} tokens with ${parents.length} parents cannot be run.`)
  }
  for (const [i, parent] of parents.entries()) {
    if (!(parent >= -1 && parent < cache.length + i)) {
      throw new RangeError(`Token ${i} has the parent ${parent}, which is no earlier slot.`)
    }
  }
}

/** Columns for `count` slots. */
export function padded(count: number): number {
  return Math.ceil(count / PADDING) * PADDING
}

/** Columns for `count` slots, with so many to spare that laying rows out again stays rare. */
function spacious(count: number): number {
  return padded(count + (count >> 4))
}

function copyInto<A extends Float32Array | Int32Array>(target: A, source: A): A {
  target.set(source as never)
  return target
}
