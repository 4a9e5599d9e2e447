import { dirname, join } from 'node:path'
import { decodeText, readBytes as readFileBytes } from '../files.js'
import { isJsonObject, parseJson } from '../json.js'
import { BLOCKS, elementCount } from './dequantise.js'
import { FileWeightStore } from './file-weight-store.js'
import { requireFewValues } from './json-size.js'
import type { DType, TensorInfo, WeightStore } from './types.js'
import {
  damaged,
  lfsPointer,
  readRange,
  type WeightFile,
  withWeightFile,
  withWeightFiles,
} from './weight-file.js'

/** As the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000

/** The types that can be read. */
export const SAFETENSORS_TYPES: readonly string[] = ['F32', 'F16', 'BF16']

/** Where a tensor lies: `offset` from the start of the file. */
type Place = Pick<TensorInfo, 'name' | 'offset' | 'byteLength'>

interface Header {
  tensors: TensorInfo[]
  metadata: Map<string, unknown>
  unreadable: Map<string, string>
}

/**
 * Opens one safetensors file (https://github.com/huggingface/safetensors#format).
 * @throws UserError for a missing, truncated or corrupt file.
 */
export function openSafetensors(path: string): Promise<WeightStore> {
  return withWeightFile(path, async (file) => {
    const { tensors, metadata, unreadable } = await readHeader(file)
    const byName = new Map(tensors.map((info) => [info.name, info]))
    return new FileWeightStore([file], byName, metadata, new Map(), unreadable)
  })
}

/**
 * Opens a sharded model by its `model.safetensors.index.json`, whose `weight_map` names each tensor's shard.
 * @throws UserError as `openSafetensors`, and for a shard that is missing or lacks a tensor of the index.
 */
export async function openShardedSafetensors(indexPath: string): Promise<WeightStore> {
  const weightMap = await readWeightMap(indexPath)
  return withWeightFiles(async (open) => {
    const files: WeightFile[] = []
    const tensors = new Map<string, TensorInfo>()
    const metadata = new Map<string, unknown>()
    const unreadable = new Map<string, string>()
    for (const shard of new Set(weightMap.values())) {
      const path = join(dirname(indexPath), shard)
      const file = await open(path, `The shard ${path} that ${indexPath} names is missing: download it.`)
      files.push(file)
      const header = await readHeader(file)
      for (const info of header.tensors) {
        if (weightMap.get(info.name) === shard) tensors.set(info.name, info)
      }
      for (const [name, dtype] of header.unreadable) {
        if (weightMap.get(name) === shard) unreadable.set(name, dtype)
      }
      for (const [key, value] of header.metadata) metadata.set(key, value)
    }
    for (const [name, shard] of weightMap) {
      if (!tensors.has(name) && !unreadable.has(name))
        throw damaged(join(dirname(indexPath), shard), `it lacks the tensor ${name}`)
    }
    return new FileWeightStore(files, tensors, metadata, new Map(), unreadable)
  })
}

async function readWeightMap(indexPath: string): Promise<Map<string, string>> {
  const bytes = await readFileBytes(indexPath, MAX_HEADER_BYTES)
  requireFewValues(bytes, indexPath)
  const index = parseJson(decodeText(bytes, indexPath), indexPath)
  const weightMap = isJsonObject(index) ? index.weight_map : undefined
  if (!isJsonObject(weightMap)) throw damaged(indexPath, 'it has no weight_map')
  const shards = new Map<string, string>()
  for (const [name, shard] of Object.entries(weightMap)) {
    // A shard lies beside its index: a path could lead an index from the hub to any file.
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
      throw damaged(indexPath, `the tensor ${name} names no safetensors file but ${JSON.stringify(shard)}`)
    }
    shards.set(name, shard)
  }
  return shards
}

/** 8 bytes of header length, a JSON header, then the tensors' bytes without holes. */
async function readHeader(file: WeightFile): Promise<Header> {
  if (file.size < 8) throw damaged(file.path, `it has ${file.size} bytes, too few for a safetensors header`)
  const prefix = Buffer.alloc(8)
  await readRange(file, prefix, 0)
  if (prefix.toString('latin1') === 'version ') throw lfsPointer(file.path)
  const length = Number(prefix.readBigUInt64LE())
  if (length > MAX_HEADER_BYTES) throw damaged(file.path, `its header claims ${length} bytes`)
  if (8 + length > file.size) {
    throw damaged(file.path, `its header claims ${length} bytes, but the file has ${file.size}`)
  }
  const json = Buffer.alloc(length)
  await readRange(file, json, 8)
  requireFewValues(json, `The header of ${file.path}`)
  const header = parseHeader(file.path, json.toString('utf8'))
  const { __metadata__: metadata, ...entries } = header
  const tensors: TensorInfo[] = []
  const unreadable = new Map<string, string>()
  const places = Object.entries(entries).map(([name, entry]) => {
    const { dtype, shape, ...place } = tensorEntry(file, name, entry, 8 + length)
    if (isSupported(dtype)) tensors.push(tensorInfo(file, { dtype, shape, ...place }))
    else unreadable.set(name, dtype)
    return place
  })
  requireContiguous(file, places, 8 + length)
  return { tensors, metadata: new Map(isJsonObject(metadata) ? Object.entries(metadata) : []), unreadable }
}

function parseHeader(path: string, json: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(json)
  } catch {
    throw damaged(path, 'its header is not JSON')
  }
  if (!isJsonObject(header)) throw damaged(path, 'its header is not a JSON object')
  return header
}

interface Entry extends Place {
  readonly dtype: string
  readonly shape: number[]
}

function tensorEntry(file: WeightFile, name: string, entry: unknown, dataStart: number): Entry {
  const { dtype, shape, data_offsets: offsets } = isJsonObject(entry) ? entry : {}
  if (!isSizes(shape)) throw damaged(file.path, `the shape of tensor ${name} is not a list of sizes`)
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw damaged(file.path, `the data_offsets of tensor ${name} are not a begin and an end`)
  }
  if (typeof dtype !== 'string') throw damaged(file.path, `the dtype of tensor ${name} is not a name`)
  const [begin, end] = offsets
  return { name, dtype, shape, offset: dataStart + begin, byteLength: end - begin }
}

function tensorInfo(file: WeightFile, entry: Entry & { dtype: DType }): TensorInfo {
  const { name, dtype, shape, byteLength } = entry
  const expected = elementCount(shape) * BLOCKS[dtype].bytes
  if (byteLength === expected) return { ...entry, file: file.path }
  const what = `tensor ${name} (${dtype} [${shape}]) needs ${expected} bytes and has ${byteLength}`
  throw damaged(file.path, what)
}

/** The format allows neither overlaps nor holes, and nothing after the last tensor. */
function requireContiguous(file: WeightFile, places: readonly Place[], dataStart: number): void {
  const ordered = [...places].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const place of ordered) {
    if (place.offset !== end) {
      throw damaged(file.path, `tensor ${place.name} begins at byte ${place.offset}, not at ${end}`)
    }
    end += place.byteLength
    if (end > file.size) {
      throw damaged(file.path, `tensor ${place.name} ends at byte ${end}, but the file has ${file.size}`)
    }
  }
  if (end !== file.size) throw damaged(file.path, `its tensors end at byte ${end} of ${file.size}`)
}

function isSupported(dtype: string): dtype is DType {
  return SAFETENSORS_TYPES.includes(dtype)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}
