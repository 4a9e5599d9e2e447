import { type CachedTensor, cachedNumbers, cachedTensors } from '../models/cached-tensors.js'
import {
  growingGraph,
  movingGraph,
  placeNames,
  roomName,
  zerosGraph,
} from '../models/decoder/cache-graphs.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import type { Device } from './device.js'
import { halfFailure } from './failures.js'
import type { CacheRows } from './kv-cache.js'
import { longestPass } from './longest-pass.js'
import * as ort from './ort.js'
import { createSession } from './session.js'

/** What is done with caches on a device, of one shape. */
export class DeviceKernels {
  private constructor(
    readonly spec: DecoderSpec,
    private readonly type: FloatType,
    private readonly zeros: ort.InferenceSession,
    private readonly growing: ort.InferenceSession,
    private readonly moving: ort.InferenceSession,
  ) {}

  /** Tokens that a pass may have. */
  longestPass = 0

  /**
   * @param chunk tokens of a pass, where the device is right with so many
   * @throws UserError as `createSession`, and DeviceUnavailable where the device does not compute in this type
   */
  static async create(
    spec: DecoderSpec,
    device: Device,
    type: FloatType,
    chunk: number,
  ): Promise<DeviceKernels> {
    const options = { device, outputs: 'gpu-buffer' } as const
    const kernels = new DeviceKernels(
      spec,
      type,
      await createSession(serialize(zerosGraph(type)), '', options),
      await createSession(serialize(growingGraph(spec, type)), '', options),
      // Its results are given the memory of what it reads.
      await createSession(serialize(movingGraph(spec, type)), '', { device }),
    )
    try {
      // WebGPU's float16 is a feature that an adapter may lack, which only a run tells.
      if (type === 'float16') {
        const trial = await kernels
          .empty({ heads: 1, width: 1 }, 1)
          .catch((error) => Promise.reject(halfFailure(error, device)))
        trial.dispose()
      }
      kernels.longestPass = await longestPass(spec, device, type, chunk)
    } catch (error) {
      await kernels.dispose()
      throw error
    }
    return kernels
  }

  /** Bytes of a column of all tensors. */
  get columnBytes(): number {
    return (this.type === 'float16' ? 2 : 4) * cachedNumbers(this.spec)
  }

  /** A tensor of zeros, [1, heads, columns, width]. */
  async empty({ heads, width }: Omit<CachedTensor, 'name'>, columns: number): Promise<ort.Tensor> {
    const shape = BigInt64Array.from([1, heads, columns, width], BigInt)
    return (await this.zeros.run({ shape: new ort.Tensor('int64', shape, [4]) })).zeros
  }

  /** New tensors with so many columns more. */
  async grown(cache: DeviceTensors, columns: number): Promise<DeviceTensors> {
    const rooms: Record<string, ort.Tensor> = {}
    try {
      for (const tensor of cachedTensors(this.spec)) {
        rooms[roomName(tensor)] ??= await this.empty(tensor, columns)
      }
      const results = await this.growing.run({ ...prefixed('past_', cache), ...rooms })
      return new Map([...cache.keys()].map((name) => [name, results[`present_${name}`]]))
    } finally {
      for (const room of Object.values(rooms)) room.dispose()
    }
  }

  /** Moves the rows of columns `from` to columns `to`. */
  async move(cache: DeviceTensors, from: readonly number[], to: readonly number[]): Promise<void> {
    const feeds = prefixed('past_', cache)
    for (const heads of new Set(cachedTensors(this.spec).map((tensor) => tensor.heads))) {
      const names = placeNames(heads)
      feeds[names.from] = places(heads, from)
      feeds[names.to] = places(heads, to)
    }
    await this.moving.run(feeds, prefixed('present_', cache))
  }

  async dispose(): Promise<void> {
    await Promise.all([this.zeros, this.growing, this.moving].map((session) => session.release()))
  }
}

/** By the names of `cachedTensors`, [1, heads, columns, width] each. */
type DeviceTensors = ReadonlyMap<string, ort.Tensor>

/**
 * All rows of a cache in the memory of a device, which the graph reads and writes. What is to be done with them is
 * noted and done before the next pass, since a device is waited for.
 */
export class DeviceRows implements CacheRows {
  private tensors: DeviceTensors = new Map()
  private columns = 0
  private wanted = 0
  /** Where the rows lie that are to be the first ones. */
  private kept: readonly number[] | undefined

  constructor(private readonly kernels: DeviceKernels) {}

  get byteLength(): number {
    return this.kernels.columnBytes * this.columns
  }

  allocate(): void {}

  layOut(columns: number): void {
    this.wanted = columns
  }

  keep(slots: readonly number[]): void {
    const { kept } = this
    this.kept = slots.map((slot) => kept?.[slot] ?? slot)
  }

  /** Does what was noted; new rows follow the first `used`. */
  async settle(): Promise<void> {
    const { kernels, kept } = this
    if (kept) {
      const moved = kept.map((_, target) => target).filter((target) => kept[target] !== target)
      if (moved.length > 0)
        await kernels.move(
          this.tensors,
          moved.map((target) => kept[target]),
          moved,
        )
      this.kept = undefined
    }
    const missing = this.wanted - this.columns
    if (missing <= 0) return
    const before = this.tensors
    this.tensors = this.columns > 0 ? await kernels.grown(before, missing) : await this.fresh(missing)
    this.columns = this.wanted
    for (const tensor of before.values()) tensor.dispose()
  }

  private async fresh(columns: number): Promise<DeviceTensors> {
    const { kernels } = this
    const tensors = new Map<string, ort.Tensor>()
    for (const tensor of cachedTensors(kernels.spec)) {
      tensors.set(tensor.name, await kernels.empty(tensor, columns))
    }
    return tensors
  }

  release(): void {
    for (const tensor of this.tensors.values()) tensor.dispose()
    this.tensors = new Map()
    this.columns = this.wanted = 0
    this.kept = undefined
  }

  past(): Record<string, ort.Tensor> {
    return prefixed('past_', this.tensors)
  }

  /** The same memory, as what a run writes. */
  present(): Record<string, ort.Tensor> {
    return prefixed('present_', this.tensors)
  }
}

function prefixed(prefix: string, tensors: DeviceTensors): Record<string, ort.Tensor> {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [prefix + name, tensor]))
}

/** Of columns in every head, int64 [1, heads, columns, 3]. */
export function places(heads: number, columns: readonly number[]): ort.Tensor {
  const indices = new BigInt64Array(heads * columns.length * 3)
  for (let head = 0; head < heads; head++) {
    for (const [i, column] of columns.entries()) {
      indices.set([0n, BigInt(head), BigInt(column)], 3 * (head * columns.length + i))
    }
  }
  return new ort.Tensor('int64', indices, [1, heads, columns.length, 3])
}
