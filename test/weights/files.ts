import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

export const GOLDEN = fileURLToPath(new URL('../golden/weights/', import.meta.url))

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(GOLDEN, name), 'utf8'))
}

/** A directory of the calling test file, removed after its tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'weights-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  return directory
}

/** A safetensors file of any header and as many zero bytes of data as said. */
export function safetensorsBytes(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)])
}

export interface GgufTensor {
  name: string
  dimensions: bigint[]
  type: number
  offset: bigint
}

export interface GgufParts {
  version?: number
  /** Key, type code and encoded value. */
  metadata?: [string, number, Buffer][]
  tensors?: GgufTensor[]
  tensorCount?: bigint
  dataBytes?: number
}

/** A GGUF file of any content, also of one that contradicts the format. */
export function ggufBytes({
  version = 3,
  metadata = [],
  tensors = [],
  tensorCount,
  dataBytes = 0,
}: GgufParts): Buffer {
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensorCount ?? BigInt(tensors.length)),
    u64(BigInt(metadata.length)),
    ...metadata.flatMap(([key, type, value]) => [string(key), u32(type), value]),
    ...tensors.flatMap(({ name, dimensions, type, offset }) => [
      string(name),
      u32(dimensions.length),
      ...dimensions.map(u64),
      u32(type),
      u64(offset),
    ]),
  ])
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), Buffer.alloc(dataBytes)])
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

export function string(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(BigInt(bytes.length)), bytes])
}

export function writeIn(directory: string, name: string, bytes: Buffer | string): string {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

/** The bits of fp32 values, so that NaN and the sign of zero count. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

/** Reproducible numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
