import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { temporaryName, unwritable } from '../files.js'
import { BLOCKS, elementCount } from './dequantise.js'
import { toBfloat16, toHalf } from './half.js'

export interface WrittenTensor {
  dtype: 'F32' | 'F16' | 'BF16'
  shape: number[]
  /** Row-major, rounded to `dtype` with ties to even. */
  values: Float32Array
}

const CHUNK_ELEMENTS = 2 ** 20

/**
 * Writes a safetensors file: to a temporary file beside `path`, which then takes its name, so that no
 * reader ever sees half a file.
 * @param metadata `__metadata__` of the header.
 * @throws UserError if the file cannot be written (no directory, no permission, full disk).
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // Wide types first: with a header of a multiple of 8 bytes every tensor is aligned to its element.
  const ordered = [...tensors].sort(([, a], [, b]) => BLOCKS[b.dtype].bytes - BLOCKS[a.dtype].bytes)
  const header = encodeHeader(ordered, metadata)
  const temporary = temporaryName(path)
  try {
    await writeTemporary(temporary, async (handle) => {
      await handle.writeFile(header)
      for (const [, tensor] of ordered) await writeValues(handle, tensor)
    })
    await rename(temporary, path)
  } catch (error) {
    // Whether there is something to remove or not, the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw unwritable(path, error)
  }
}

function encodeHeader(
  tensors: readonly (readonly [string, WrittenTensor])[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const entries: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) entries.__metadata__ = metadata
  let end = 0
  for (const [name, { dtype, shape, values }] of tensors) {
    if (elementCount(shape) !== values.length) {
      throw new RangeError(`Tensor ${name} of shape [${shape}] has ${values.length} values`)
    }
    const begin = end
    end += values.length * BLOCKS[dtype].bytes
    entries[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = Buffer.from(JSON.stringify(entries))
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - 8))
  json.copy(header, 8)
  return header
}

async function writeTemporary(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await write(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function writeValues(handle: FileHandle, { dtype, values }: WrittenTensor): Promise<void> {
  for (let from = 0; from < values.length; from += CHUNK_ELEMENTS) {
    await handle.writeFile(encode(dtype, values.subarray(from, from + CHUNK_ELEMENTS)))
  }
}

function encode(dtype: WrittenTensor['dtype'], values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const round = dtype === 'F16' ? toHalf : toBfloat16
  const words = new Uint16Array(values.length)
  for (let i = 0; i < words.length; i++) words[i] = round(values[i])
  return new Uint8Array(words.buffer)
}
