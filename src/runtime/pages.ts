import { type CachedTensor, cachedNumbers, cachedTensors } from '../models/cached-tensors.js'
import { PAGE } from '../models/decoder/paged-attention.js'
import type { DecoderSpec } from '../models/spec.js'
import { outOfMemory } from './failures.js'
import { runsOf } from './head-rows.js'
import type { CacheRows } from './kv-cache.js'
import * as ort from './ort.js'

const FIRST_CAPACITY = 32

/** The pages of one of a cache's tensors, [pages, heads, PAGE, width]. */
interface Pages extends CachedTensor {
  readonly buffer: Float32Array
  /** Numbers of a page. */
  readonly size: number
}

/**
 * The caches of many sequences in host memory, as pages of PAGE columns. The pages in use are the first ones, whosever they are.
 */
export class PagePool {
  private tensors: readonly Pages[]
  private capacity = FIRST_CAPACITY
  /** Whose each page is. */
  private readonly owners: PagedRows[] = []
  /** Of all tensors. */
  readonly pageBytes: number

  constructor(private readonly spec: DecoderSpec) {
    this.pageBytes = Float32Array.BYTES_PER_ELEMENT * PAGE * cachedNumbers(spec)
    this.tensors = this.newTensors()
  }

  get byteLength(): number {
    return this.capacity * this.pageBytes
  }

  /** Names of the tensors, whose new rows a run gives. */
  get names(): string[] {
    return this.tensors.map(({ name }) => name)
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
    for (const { buffer, size } of this.tensors) {
      buffer.copyWithin(page * size, last * size, (last + 1) * size)
    }
    moved.pages[moved.pages.indexOf(last)] = page
    this.owners[page] = moved
  }

  /** `count` pages of each tensor from `first` on, as `past_` and its name: views. */
  past(first: number, count: number): Record<string, ort.Tensor> {
    const view = ({ buffer, size, heads, width }: Pages) =>
      new ort.Tensor('float32', buffer.subarray(first * size, (first + count) * size), [
        count,
        heads,
        PAGE,
        width,
      ])
    return Object.fromEntries(this.tensors.map((pages) => [`past_${pages.name}`, view(pages)]))
  }

  /** Takes over new rows by the tensors' names, [1, T, heads * width], those from `start` on as the owner's slots from `first` on. */
  write(owner: PagedRows, first: number, count: number, start: number, results: ort.OnnxValueMapType): void {
    for (const pages of this.tensors) {
      const { name, buffer, heads, width } = pages
      const rows = results[name].data as Float32Array
      for (let row = 0; row < count; row++) {
        let from = (start + row) * heads * width
        let to = offset(pages, owner, first + row)
        for (let head = 0; head < heads; head++, from += width, to += PAGE * width) {
          for (let j = 0; j < width; j++) buffer[to + j] = rows[from + j]
        }
      }
    }
  }

  /** Copies `count` slots of one owner to another, or its own, within a page of either. */
  copy(source: PagedRows, from: number, target: PagedRows, to: number, count: number): void {
    for (const pages of this.tensors) {
      const { buffer, heads, width } = pages
      const start = offset(pages, source, from)
      const end = offset(pages, target, to)
      for (let head = 0; head < heads; head++) {
        const shift = head * PAGE * width
        buffer.copyWithin(end + shift, start + shift, start + shift + count * width)
      }
    }
  }

  private grow(): void {
    const before = this.tensors
    this.capacity *= 2
    try {
      this.tensors = this.newTensors()
    } catch (error) {
      this.capacity /= 2
      throw outOfMemory(`for a cache of ${2 * this.capacity * PAGE} tokens`, error)
    }
    for (const [i, { buffer }] of before.entries()) this.tensors[i].buffer.set(buffer)
  }

  private newTensors(): Pages[] {
    return cachedTensors(this.spec).map((tensor) => {
      const size = tensor.heads * PAGE * tensor.width
      return { ...tensor, size, buffer: new Float32Array(this.capacity * size) }
    })
  }
}

/** Where the first head's row of a slot begins. */
function offset({ size, width }: Pages, { pages }: PagedRows, slot: number): number {
  return pages[Math.floor(slot / PAGE)] * size + (slot % PAGE) * width
}

/** The cache of one sequence. */
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
