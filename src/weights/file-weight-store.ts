import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { UserError } from '../errors.js'
import { BLOCKS, dequantise, elementCount } from './dequantise.js'
import type { RowRange, TensorInfo, WeightStore } from './types.js'
import { readRange, type WeightFile } from './weight-file.js'

const CHUNK_BYTES = 2 ** 20
const SAMPLE_BYTES = 256

/** Turns a tensor's stored values into HF's, in place. */
export type Restore = (values: Float32Array) => void

/** A weight store over one or several open files; it owns and closes them. */
export class FileWeightStore implements WeightStore {
  private readonly files: ReadonlyMap<string, WeightFile>

  constructor(
    files: readonly WeightFile[],
    readonly tensors: ReadonlyMap<string, TensorInfo>,
    readonly metadata: ReadonlyMap<string, unknown>,
    private readonly restores: ReadonlyMap<string, Restore> = new Map(),
    readonly unreadable: ReadonlyMap<string, string> = new Map(),
  ) {
    this.files = new Map(files.map((file) => [file.path, file]))
  }

  async read(name: string, rows?: RowRange): Promise<Float32Array> {
    const info = this.tensors.get(name)
    if (!info) throw new UserError(`There is no tensor ${name} in ${[...this.files.keys()].join(', ')}.`)
    const restore = this.restores.get(name)
    const part = rows && !restore ? rowsOfTensor(info, rows) : info
    const values = await readTensor(this.files.get(info.file)!, part)
    if (!restore) return values
    restore(values)
    const width = elementCount(info.shape.slice(1))
    return rows ? values.subarray(rows[0] * width, rows[1] * width) : values
  }

  async isSame(name: string, other: string): Promise<boolean> {
    const [a, b] = [name, other].map((each) => this.tensors.get(each))
    if (!a || !b || a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false
    const chunks = [a, b].map(() => new Uint8Array(Math.min(CHUNK_BYTES, a.byteLength)))
    for (let done = 0; done < a.byteLength; done += CHUNK_BYTES) {
      const [here, there] = chunks.map((chunk) => chunk.subarray(0, a.byteLength - done))
      await readRange(this.files.get(a.file)!, here, a.offset + done)
      await readRange(this.files.get(b.file)!, there, b.offset + done)
      if (Buffer.compare(here, there) !== 0) return false
    }
    return true
  }

  isVerbatim(name: string, dtype: 'F32' | 'F16'): boolean {
    const info = this.tensors.get(name)
    return info?.dtype === dtype && info.offset % BLOCKS[dtype].bytes === 0 && !this.restores.has(name)
  }

  /**
   * Hashes every tensor's name, type, shape and place, every file's size and modification time, and 256
   * bytes from the middle of each tensor. Any rewrite of a file moves its modification time; the samples
   * tell apart files whose time was preserved or set (copies, archives), since training or converting
   * changes all of a model's large tensors. The directory does not count, so that a moved model keeps its key.
   */
  async fingerprint(): Promise<string> {
    const hash = createHash('sha256')
    for (const { path, size, mtimeMs } of this.files.values()) {
      hash.update(JSON.stringify([basename(path), size, mtimeMs]))
    }
    for (const info of this.tensors.values()) {
      const { name, dtype, shape, file, offset, byteLength } = info
      hash.update(JSON.stringify([name, dtype, shape, basename(file), offset, byteLength]))
      const sample = new Uint8Array(Math.min(SAMPLE_BYTES, byteLength))
      const middle = offset + Math.floor((byteLength - sample.length) / 2)
      await readRange(this.files.get(file)!, sample, middle)
      hash.update(sample)
    }
    return hash.digest('hex')
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map((file) => file.handle.close()))
  }
}

/** Some of a tensor's rows as a tensor; blocks of quantised types are parts of rows. */
export function rowsOfTensor(info: TensorInfo, [first, end]: RowRange): TensorInfo {
  const { shape, offset, byteLength } = info
  const rowBytes = byteLength / shape[0]
  return {
    ...info,
    shape: [end - first, ...shape.slice(1)],
    offset: offset + first * rowBytes,
    byteLength: (end - first) * rowBytes,
  }
}

/** Reads in chunks, so that beside the result no more than one chunk is in memory. */
async function readTensor(file: WeightFile, info: TensorInfo): Promise<Float32Array> {
  const values = allocate(info)
  if (info.dtype === 'F32') {
    await readRange(file, new Uint8Array(values.buffer), info.offset)
    return values
  }
  const block = BLOCKS[info.dtype]
  const chunkBytes = Math.floor(CHUNK_BYTES / block.bytes) * block.bytes
  const buffer = new Uint8Array(Math.min(chunkBytes, info.byteLength))
  for (let done = 0; done < info.byteLength; done += chunkBytes) {
    const chunk = buffer.subarray(0, Math.min(chunkBytes, info.byteLength - done))
    await readRange(file, chunk, info.offset + done)
    const first = (done / block.bytes) * block.elements
    dequantise(
      info.dtype,
      chunk,
      values.subarray(first, first + (chunk.length / block.bytes) * block.elements),
    )
  }
  return values
}

function allocate(info: TensorInfo): Float32Array {
  const elements = elementCount(info.shape)
  try {
    return new Float32Array(elements)
  } catch (error) {
    const megabytes = Math.ceil((elements * 4) / 2 ** 20)
    throw new UserError(`No memory for tensor ${info.name} of ${info.file} (${megabytes} MB as fp32).`, 1, {
      cause: error,
    })
  }
}
