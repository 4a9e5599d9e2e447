import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import { HeadRows, runsOf } from './head-rows.js'
import type { CacheRows } from './kv-cache.js'
import type * as ort from './ort.js'
import { fetching } from './pass.js'

/** Keys and values of all layers in host memory, where the graph reads and writes them. */
export class HostRows implements CacheRows {
  private readonly keys: HeadRows[]
  private readonly values: HeadRows[]
  private part: HostRows | undefined

  constructor(
    private readonly spec: DecoderSpec,
    private readonly type: FloatType = 'float32',
  ) {
    const rows = () => spec.layers.map(() => new HeadRows(spec.kvHeads, spec.headDim, type))
    this.keys = rows()
    this.values = rows()
  }

  get byteLength(): number {
    return this.all().reduce((sum, rows) => sum + rows.byteLength, this.part?.byteLength ?? 0)
  }

  allocate(capacity: number, used: number): void {
    for (const rows of this.all()) rows.allocate(capacity, used)
  }

  layOut(columns: number, used: number): void {
    for (const rows of this.all()) rows.layOut(columns, used)
  }

  /** In runs of neighbours; the first run is mostly where it belongs already. */
  keep(slots: readonly number[]): void {
    for (const [target, from, count] of runsOf(slots)) {
      if (from !== target) for (const rows of this.all()) rows.move(from, target, count)
    }
  }

  release(): void {
    for (const rows of this.all()) rows.release()
    this.part?.release()
  }

  /** A copy of some rows as the first of `columns`; it is kept for the next time, and changes then. */
  gathered(slots: readonly number[], columns: number): HostRows {
    this.part ??= new HostRows(this.spec, this.type)
    const sources = this.all()
    for (const [i, rows] of this.part.all().entries()) rows.gather(sources[i], slots, columns)
    return this.part
  }

  /** Takes over `count` rows of another one, from `first` on, as its own from `target` on. */
  take(source: HostRows, first: number, target: number, count: number): void {
    const sources = source.all()
    for (const [i, rows] of this.all().entries()) rows.take(sources[i], first, target, count)
  }

  /** All columns of every layer as `past_key.i` and `past_value.i`, [kvHeads, 1, columns, headDim]: views. */
  past(): Record<string, ort.Tensor> {
    const tensors: Record<string, ort.Tensor> = {}
    for (const [layer, keys] of this.keys.entries()) {
      tensors[`past_key.${layer}`] = keys.tensor()
      tensors[`past_value.${layer}`] = this.values[layer].tensor()
    }
    return tensors
  }

  /** Rows from `first` on as `key.i.h` and `value.i.h`, [1, count, headDim]: views to write to. */
  rows(first: number, count: number): Record<string, ort.Tensor> {
    const tensors: Record<string, ort.Tensor> = {}
    for (const [layer, keys] of this.keys.entries()) {
      for (let head = 0; head < this.spec.kvHeads; head++) {
        tensors[`key.${layer}.${head}`] = keys.headTensor(head, first, count)
        tensors[`value.${layer}.${head}`] = this.values[layer].headTensor(head, first, count)
      }
    }
    return tensors
  }

  /** What a run gives that `write` takes over. */
  fetches(): Record<string, null> {
    return fetching(this.keys.flatMap((_, layer) => [`key.${layer}`, `value.${layer}`]))
  }

  /** Takes over new rows from `first` on, `key.i` and `value.i`, [kvHeads, 1, count, headDim]. */
  write(first: number, results: ort.OnnxValueMapType): void {
    for (const [layer, keys] of this.keys.entries()) {
      keys.write(first, results[`key.${layer}`])
      this.values[layer].write(first, results[`value.${layer}`])
    }
  }

  private all(): HeadRows[] {
    return [...this.keys, ...this.values]
  }
}
