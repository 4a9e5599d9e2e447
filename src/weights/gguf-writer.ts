import { BLOCKS, elementCount } from './dequantise.js'
import type { WrittenType } from './encode.js'
import { type WrittenValues, writeValues, writeWeightFile } from './write-file.js'

/** A metadata value with the type that GGUF has it in. */
export type GgufValue =
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'i32s'; readonly value: ArrayLike<number> }
  | { readonly type: 'f32s'; readonly value: ArrayLike<number> }
  | { readonly type: 'strings'; readonly value: readonly string[] }

const ALIGNMENT = 32
const TENSOR_TYPES: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 8, BF16: 30 }
const [U32, I32, F32, BOOL, STRING, ARRAY] = [4, 5, 6, 7, 8, 9]

/**
 * Writes a GGUF file of version 3, whole or not at all.
 * @param tensors by GGUF's names, shapes in HF's order, values as GGUF has them
 * @throws UserError if the file cannot be written (no directory, no permission, full disk)
 */
export async function writeGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: ReadonlyMap<string, WrittenValues>,
): Promise<void> {
  const header = new Header()
  header.bytes(Buffer.from('GGUF'))
  header.u32(3)
  header.u64(tensors.size)
  header.u64(metadata.size)
  for (const [key, value] of metadata) {
    header.string(key)
    header.value(value)
  }
  const places = placed(tensors)
  for (const [name, { dtype, shape }] of tensors) {
    header.string(name)
    header.u32(shape.length)
    for (const size of [...shape].reverse()) header.u64(size)
    header.u32(TENSOR_TYPES[dtype])
    header.u64(places.get(name)!)
  }
  const start = header.finish()
  await writeWeightFile(path, async (handle) => {
    await handle.writeFile(start)
    for (const [name, tensor] of tensors) {
      await writeValues(handle, name, tensor)
      await handle.writeFile(Buffer.alloc(padding(byteLength(tensor))))
    }
  })
}

/** Offsets from the start of the tensors' data. */
function placed(tensors: ReadonlyMap<string, WrittenValues>): Map<string, number> {
  const places = new Map<string, number>()
  let end = 0
  for (const [name, tensor] of tensors) {
    places.set(name, end)
    end += byteLength(tensor)
    end += padding(end)
  }
  return places
}

function byteLength({ dtype, shape }: WrittenValues): number {
  const { elements, bytes } = BLOCKS[dtype]
  return (elementCount(shape) / elements) * bytes
}

function padding(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT
}

class Header {
  private readonly parts: Buffer[] = []

  finish(): Buffer {
    const length = this.parts.reduce((sum, part) => sum + part.length, 0)
    return Buffer.concat([...this.parts, Buffer.alloc(padding(length))])
  }

  bytes(bytes: Buffer): void {
    this.parts.push(bytes)
  }

  u32(value: number): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    this.bytes(bytes)
  }

  u64(value: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    this.bytes(bytes)
  }

  string(text: string): void {
    const bytes = Buffer.from(text)
    this.u64(bytes.length)
    this.bytes(bytes)
  }

  value({ type, value }: GgufValue): void {
    if (type === 'u32') {
      this.u32(U32)
      this.u32(value)
    } else if (type === 'f32') {
      this.u32(F32)
      this.bytes(bytesOf(Float32Array.of(value)))
    } else if (type === 'bool') {
      this.u32(BOOL)
      this.bytes(Buffer.of(value ? 1 : 0))
    } else if (type === 'string') {
      this.u32(STRING)
      this.string(value)
    } else if (type === 'strings') {
      this.list(STRING, value.length)
      for (const text of value) this.string(text)
    } else {
      this.list(type === 'i32s' ? I32 : F32, value.length)
      this.bytes(bytesOf(type === 'i32s' ? Int32Array.from(value) : Float32Array.from(value)))
    }
  }

  private list(type: number, length: number): void {
    this.u32(ARRAY)
    this.u32(type)
    this.u64(length)
  }
}

function bytesOf(values: Float32Array | Int32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}
