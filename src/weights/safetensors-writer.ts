import { BLOCKS, elementCount } from './dequantise.js'
import { requireCount, type WrittenValues, writeValues, writeWeightFile } from './write-file.js'

type SafetensorsType = 'F32' | 'F16' | 'BF16'

export interface WrittenTensor extends WrittenValues {
  readonly dtype: SafetensorsType
  readonly values: Float32Array
}

/** A tensor that may be read when it is its turn. */
export type AnyTensor = WrittenValues & { readonly dtype: SafetensorsType }

/**
 * Writes a safetensors file, whole or not at all.
 * @param metadata `__metadata__` of the header.
 * @throws UserError if the file cannot be written (no directory, no permission, full disk).
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, AnyTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // Wide types first: with a header of a multiple of 8 bytes every tensor is aligned to its element.
  const ordered = [...tensors].sort(([, a], [, b]) => BLOCKS[b.dtype].bytes - BLOCKS[a.dtype].bytes)
  const header = encodeHeader(ordered, metadata)
  await writeWeightFile(path, async (handle) => {
    await handle.writeFile(header)
    for (const [name, tensor] of ordered) await writeValues(handle, name, tensor)
  })
}

function encodeHeader(
  tensors: readonly (readonly [string, AnyTensor])[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const entries: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) entries.__metadata__ = metadata
  let end = 0
  for (const [name, { dtype, shape, values }] of tensors) {
    if (typeof values !== 'function') requireCount(name, shape, values)
    const begin = end
    end += elementCount(shape) * BLOCKS[dtype].bytes
    entries[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = Buffer.from(JSON.stringify(entries))
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - 8))
  json.copy(header, 8)
  return header
}
