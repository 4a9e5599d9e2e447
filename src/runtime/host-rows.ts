import { cachedTensors } from '../models/cached-tensors.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import { HeadRows, runsOf } from './head-rows.js'
import type { CacheRows } from './kv-cache.js'
import type * as ort from './ort.js'
import { fetching } from './pass.js'

/** All rows of a cache in host memory, where the graph reads and writes them. */
export class HostRows implements CacheRows {
  /** By the names of `cachedTensors`. */
  private readonly tensors: ReadonlyMap<string, HeadRows>
  private part: HostRows | undefined

  constructor(
    private readonly spec: DecoderSpec,
    private readonly type: FloatType = 'float32',
  ) {
    this.tensors = new Map(
      cachedTensors(spec).map(({ name, heads, width }) => [name, new HeadRows(heads, width, type)]),
    )
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

  /** All columns of every tensor as `past_` and its name, [heads, 1, columns, width]: views. */
  past(): Record<string, ort.Tensor> {
    return Object.fromEntries([...this.tensors].map(([name, rows]) => [`past_${name}`, rows.tensor()]))
  }

  /** Rows from `first` on by tensor and head, `name.h`, [1, count, width]: views to write to. */
  rows(first: number, count: number): Record<string, ort.Tensor> {
    const tensors: Record<string, ort.Tensor> = {}
    for (const [name, rows] of this.tensors) {
      for (let head = 0; head < rows.heads; head++) {
        tensors[`${name}.${head}`] = rows.headTensor(head, first, count)
      }
    }
    return tensors
  }

  /** What a run gives that `write` takes over. */
  fetches(): Record<string, null> {
    return fetching([...this.tensors.keys()])
  }

  /** Takes over new rows from `first` on by the tensors' names, [heads, 1, count, width]. */
  write(first: number, results: ort.OnnxValueMapType): void {
    for (const [name, rows] of this.tensors) rows.write(first, results[name])
  }

  private all(): HeadRows[] {
    return [...this.tensors.values()]
  }
}
