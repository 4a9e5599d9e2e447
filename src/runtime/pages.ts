import { PAGE } from '../models/decoder/paged-attention.js'
import type { DecoderSpec } from '../models/spec.js'
import { outOfMemory } from './failures.js'
import { runsOf } from './head-rows.js'
import type { CacheRows } from './kv-cache.js'
import * as ort from './ort.js'

const FIRST_CAPACITY = 32

/**
 * Keys and values of many sequences in host memory, as pages of PAGE columns: by layer [pages, kvHeads, PAGE, headDim]. The pages in
 * use are the first ones, whosever they are.
 */
export class PagePool {
  /** Keys of all layers, and then their values. */
  private buffers: Float32Array[]
  private capacity = FIRST_CAPACITY
  /** Whose each page is. */
  private readonly owners: PagedRows[] = []
  private readonly pageSize: number

  constructor(private readonly spec: DecoderSpec) {
    this.pageSize = spec.kvHeads * PAGE * spec.headDim
    this.buffers = this.newBuffers()
  }

  get byteLength(): number {
    return this.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  get pageBytes(): number {
    return this.byteLength / this.capacity
  }

  take(owner: PagedRows): void {
    if (this.owners.length === this.capacity) this.grow()
    owner.pages.push(this.owners.length)
    this.owners.push(owner)
  }

  /** Gives back the last page of an owner; the last one of all takes its place. */
  giveBack(owner: PagedRows): void {
    const page = owner.pages.pop()!
    const last = this.owners.length - 1
    const moved = this.owners.pop()!
    if (page === last) return
    for (const buffer of this.buffers) {
      buffer.copyWithin(page * this.pageSize, last * this.pageSize, (last + 1) * this.pageSize)
    }
    moved.pages[moved.pages.indexOf(last)] = page
    this.owners[page] = moved
  }

  /** `count` pages from `first` on, as `past_key.i` and `past_value.i`: views. */
  past(first: number, count: number): Record<string, ort.Tensor> {
    const { kvHeads, headDim, layers } = this.spec
    const shape = [count, kvHeads, PAGE, headDim]
    const view = (buffer: Float32Array) =>
      new ort.Tensor(
        'float32',
        buffer.subarray(first * this.pageSize, (first + count) * this.pageSize),
        shape,
      )
    const tensors: Record<string, ort.Tensor> = {}
    for (const layer of layers.keys()) {
      tensors[`past_key.${layer}`] = view(this.buffers[layer])
      tensors[`past_value.${layer}`] = view(this.buffers[layers.length + layer])
    }
    return tensors
  }

  /** Takes over new rows, `key.i` and `value.i`, [1, T, kvHeads * headDim], those from `start` on as the owner's slots from `first` on. */
  write(owner: PagedRows, first: number, count: number, start: number, results: ort.OnnxValueMapType): void {
    const { kvHeads, headDim, layers } = this.spec
    const width = kvHeads * headDim
    for (const layer of layers.keys()) {
      for (const [i, name] of ['key', 'value'].entries()) {
        const rows = results[`${name}.${layer}`].data as Float32Array
        const buffer = this.buffers[i * layers.length + layer]
        for (let row = 0; row < count; row++) {
          let from = (start + row) * width
          let to = this.offset(owner, first + row)
          for (let head = 0; head < kvHeads; head++, from += headDim, to += PAGE * headDim) {
            for (let j = 0; j < headDim; j++) buffer[to + j] = rows[from + j]
          }
        }
      }
    }
  }

  /** Copies `count` slots of one owner to another, or its own, within a page of either. */
  copy(source: PagedRows, from: number, target: PagedRows, to: number, count: number): void {
    const { kvHeads, headDim } = this.spec
    const start = this.offset(source, from)
    const end = this.offset(target, to)
    const length = count * headDim
    for (const buffer of this.buffers) {
      for (let head = 0; head < kvHeads; head++) {
        const shift = head * PAGE * headDim
        buffer.copyWithin(end + shift, start + shift, start + shift + length)
      }
    }
  }

  /** Where the first head's row of a slot begins. */
  private offset(owner: PagedRows, slot: number): number {
    return owner.pages[Math.floor(slot / PAGE)] * this.pageSize + (slot % PAGE) * this.spec.headDim
  }

  private grow(): void {
    const before = this.buffers
    this.capacity *= 2
    try {
      this.buffers = this.newBuffers()
    } catch (error) {
      this.capacity /= 2
      throw outOfMemory(`for a cache of ${2 * this.capacity * PAGE} tokens`, error)
    }
    for (const [i, buffer] of before.entries()) this.buffers[i].set(buffer)
  }

  private newBuffers(): Float32Array[] {
    const { layers } = this.spec
    return Array.from({ length: 2 * layers.length }, () => new Float32Array(this.capacity * this.pageSize))
  }
}

/** The keys and values of one sequence. */
export class PagedRows implements CacheRows {
  /** The pages of its slots, in their order. */
  readonly pages: number[] = []

  constructor(readonly pool: PagePool) {}

  get byteLength(): number {
    return this.pages.length * this.pool.pageBytes
  }

  /** Pages are taken as they are laid out. */
  allocate(): void {}

  layOut(columns: number): void {
    while (this.pages.length * PAGE < columns) this.pool.take(this)
  }

  /** Its pages stay its own: a sequence that shrinks mostly grows again. */
  keep(slots: readonly number[]): void {
    for (const [target, from, count] of runsOf(slots)) this.copy(this, from, target, count)
  }

  /** Takes over slots of another one, or moves its own towards the beginning. */
  copy(source: PagedRows, from: number, to: number, count: number): void {
    if (source === this && from === to) return
    for (let done = 0; done < count; ) {
      const left = (slot: number) => PAGE - (slot % PAGE)
      const length = Math.min(count - done, left(from + done), left(to + done))
      this.pool.copy(source, from + done, this, to + done, length)
      done += length
    }
  }

  release(): void {
    while (this.pages.length > 0) this.pool.giveBack(this)
  }
}
