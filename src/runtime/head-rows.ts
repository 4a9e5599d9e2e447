import type { FloatType } from '../onnx/graph.js'
import * as ort from './ort.js'

/** Halves are moved as they are: nobody computes with them here. */
const ARRAYS = { float32: Float32Array, float16: Uint16Array } as const

/**
 * The rows of one tensor of a cache in host memory, [heads, rows, width]: a head's rows lie side by side, which
 * is how attention reads them. The buffer may hold more rows than are laid out.
 */
export class HeadRows {
  private buffer: Float32Array | Uint16Array
  private rows = 0
  private whole: ort.Tensor | undefined

  constructor(
    readonly heads: number,
    private readonly width: number,
    private readonly type: FloatType,
  ) {
    this.buffer = new ARRAYS[type](0)
  }

  get byteLength(): number {
    return this.buffer.byteLength
  }

  /** Makes the buffer hold `capacity` rows; the first `used` are kept. */
  allocate(capacity: number, used: number): void {
    const source = this.buffer
    this.buffer = new ARRAYS[this.type](this.heads * capacity * this.width)
    for (let head = 0; head < this.heads; head++) {
      const start = this.offset(head, 0)
      this.buffer.set(source.subarray(start, start + used * this.width), start)
    }
    this.whole = undefined
  }

  /** Lays the first `used` rows out as the beginnings of heads of `rows` rows. */
  layOut(rows: number, used: number): void {
    const moves = Array.from({ length: this.heads }, (_, head) => [
      this.offset(head, 0),
      head * rows * this.width,
    ])
    // Away from where the next head's rows still are.
    if (rows > this.rows) moves.reverse()
    for (const [from, to] of moves) this.buffer.copyWithin(to, from, from + used * this.width)
    this.rows = rows
    this.whole = undefined
  }

  /** Copies `count` rows of every head. */
  move(from: number, to: number, count: number): void {
    for (let head = 0; head < this.heads; head++) {
      const start = this.offset(head, from)
      this.buffer.copyWithin(this.offset(head, to), start, start + count * this.width)
    }
  }

  /** Takes over `count` rows of every head of another one, from `first` on, as its own from `target` on. */
  take(source: HeadRows, first: number, target: number, count: number): void {
    for (let head = 0; head < this.heads; head++) {
      const start = source.offset(head, first)
      this.buffer.set(source.buffer.subarray(start, start + count * this.width), this.offset(head, target))
    }
  }

  /** Takes over rows of every head of another one as its first ones, of `rows` in all. */
  gather(source: HeadRows, slots: readonly number[], rows: number): void {
    const { heads, width } = this
    if (this.buffer.length < heads * rows * width) this.allocate(rows, 0)
    this.layOut(rows, 0)
    for (const [target, from, count] of runsOf(slots)) {
      this.take(source, from, target, count)
    }
  }

  release(): void {
    this.buffer = new ARRAYS[this.type](0)
    this.rows = 0
    this.whole = undefined
  }

  /** A view of all rows, [heads, 1, rows, width]. */
  tensor(): ort.Tensor {
    const { heads, rows, width } = this
    this.whole ??= this.view(0, [heads, 1, rows, width])
    return this.whole
  }

  /** A view of one head's rows from `first` on, [1, count, width]. */
  headTensor(head: number, first: number, count: number): ort.Tensor {
    return this.view(this.offset(head, first), [1, count, this.width])
  }

  /** Takes over rows of every head from `first` on, [heads, 1, count, width]. */
  write(first: number, { data, dims }: ort.Tensor): void {
    const length = dims[2] * this.width
    for (let head = 0; head < this.heads; head++) {
      const rows = (data as Float32Array).subarray(head * length, (head + 1) * length)
      this.buffer.set(rows, this.offset(head, first))
    }
  }

  private view(start: number, shape: readonly number[]): ort.Tensor {
    const count = shape.reduce((product, size) => product * size, 1)
    return new ort.Tensor(
      this.type as 'float32',
      this.buffer.subarray(start, start + count) as Float32Array,
      shape,
    )
  }

  private offset(head: number, row: number): number {
    return (head * this.rows + row) * this.width
  }
}

/** Runs of neighbours among ascending slots: where each begins among all, its first slot, and its length. */
export function* runsOf(slots: readonly number[]): Generator<[target: number, from: number, count: number]> {
  for (let target = 0; target < slots.length; ) {
    let end = target + 1
    while (end < slots.length && slots[end] === slots[end - 1] + 1) end++
    yield [target, slots[target], end - target]
    target = end
  }
}
