import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { BLOCKS, elementCount } from './dequantise.js'
import { FileWeightStore } from './file-weight-store.js'
import type { DType, TensorInfo, WeightStore } from './types.js'
import {
  damaged,
  isMissing,
  openWeightFile,
  readBytes,
  reason,
  type WeightFile,
  withWeightFile,
} from './weight-file.js'

/** As the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000

const SUPPORTED: readonly string[] = ['F32', 'F16', 'BF16']

interface Header {
  tensors: TensorInfo[]
  metadata: Map<string, unknown>
}

/**
 * Opens one safetensors file (https://github.com/huggingface/safetensors#format).
 * @throws UserError for a missing, truncated or corrupt file, or a type other than F32, F16 and BF16.
 */
export function openSafetensors(path: string): Promise<WeightStore> {
  return withWeightFile(path, async (file) => {
    const { tensors, metadata } = await readHeader(file)
    return new FileWeightStore([file], new Map(tensors.map((info) => [info.name, info])), metadata)
  })
}

/**
 * Opens a sharded model by its `model.safetensors.index.json`, whose `weight_map` names each tensor's shard.
 * @throws UserError as `openSafetensors`, and for a shard that is missing or lacks a tensor of the index.
 */
export async function openShardedSafetensors(indexPath: string): Promise<WeightStore> {
  const weightMap = await readWeightMap(indexPath)
  const files: WeightFile[] = []
  const tensors = new Map<string, TensorInfo>()
  const metadata = new Map<string, unknown>()
  try {
    for (const shard of new Set(weightMap.values())) {
      const file = await openShard(indexPath, shard)
      files.push(file)
      const header = await readHeader(file)
      for (const info of header.tensors) {
        if (weightMap.get(info.name) === shard) tensors.set(info.name, info)
      }
      for (const [key, value] of header.metadata) metadata.set(key, value)
    }
    for (const [name, shard] of weightMap) {
      if (!tensors.has(name)) throw damaged(join(dirname(indexPath), shard), `it lacks the tensor ${name}`)
    }
    return new FileWeightStore(files, tensors, metadata)
  } catch (error) {
    await Promise.all(files.map((file) => file.handle.close()))
    throw error
  }
}

async function readWeightMap(indexPath: string): Promise<Map<string, string>> {
  let index: unknown
  try {
    index = JSON.parse(await readFile(indexPath, 'utf8'))
  } catch (error) {
    if (isMissing(error)) throw new UserError(`No weight index at ${indexPath}: check the path.`)
    throw damaged(indexPath, `it is not readable JSON (${reason(error)})`)
  }
  const weightMap = isRecord(index) ? index.weight_map : undefined
  if (!isRecord(weightMap)) throw damaged(indexPath, 'it has no weight_map')
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

function openShard(indexPath: string, shard: string): Promise<WeightFile> {
  const path = join(dirname(indexPath), shard)
  return openWeightFile(path, `The shard ${path} that ${indexPath} names is missing: download it.`)
}

/** 8 bytes of header length, a JSON header, then the tensors' bytes without holes. */
async function readHeader(file: WeightFile): Promise<Header> {
  if (file.size < 8) throw damaged(file.path, `it has ${file.size} bytes, too few for a safetensors header`)
  const prefix = Buffer.alloc(8)
  await readBytes(file, prefix, 0)
  const length = Number(prefix.readBigUInt64LE())
  if (length > MAX_HEADER_BYTES) throw damaged(file.path, `its header claims ${length} bytes`)
  if (8 + length > file.size) {
    throw damaged(file.path, `its header claims ${length} bytes, but the file has ${file.size}`)
  }
  const json = Buffer.alloc(length)
  await readBytes(file, json, 8)
  const header = parseJson(file.path, json.toString('utf8'))
  const { __metadata__: metadata, ...entries } = header
  const tensors = Object.entries(entries).map(([name, entry]) => tensorInfo(file, name, entry, 8 + length))
  requireContiguous(file, tensors, 8 + length)
  return { tensors, metadata: new Map(isRecord(metadata) ? Object.entries(metadata) : []) }
}

function parseJson(path: string, json: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(json)
  } catch {
    throw damaged(path, 'its header is not JSON')
  }
  if (!isRecord(header)) throw damaged(path, 'its header is not a JSON object')
  return header
}

function tensorInfo(file: WeightFile, name: string, entry: unknown, dataStart: number): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {}
  if (!isSizes(shape)) throw damaged(file.path, `the shape of tensor ${name} is not a list of sizes`)
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw damaged(file.path, `the data_offsets of tensor ${name} are not a begin and an end`)
  }
  if (!isSupported(dtype)) {
    throw new UserError(
      `Tensor ${name} of ${file.path} has the dtype ${dtype}, which is not supported: use a checkpoint in ${SUPPORTED.join(', ')}.`,
    )
  }
  const [begin, end] = offsets
  const expected = elementCount(shape) * BLOCKS[dtype].bytes
  if (end - begin !== expected) {
    const what = `tensor ${name} (${dtype} [${shape}]) needs ${expected} bytes and has ${end - begin}`
    throw damaged(file.path, what)
  }
  return { name, dtype, shape, file: file.path, offset: dataStart + begin, byteLength: expected }
}

/** The format allows neither overlaps nor holes, and nothing after the last tensor. */
function requireContiguous(file: WeightFile, tensors: readonly TensorInfo[], dataStart: number): void {
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const info of ordered) {
    if (info.offset !== end) {
      throw damaged(file.path, `tensor ${info.name} begins at byte ${info.offset}, not at ${end}`)
    }
    end += info.byteLength
    if (end > file.size) {
      throw damaged(file.path, `tensor ${info.name} ends at byte ${end}, but the file has ${file.size}`)
    }
  }
  if (end !== file.size) throw damaged(file.path, `its tensors end at byte ${end} of ${file.size}`)
}

function isSupported(dtype: unknown): dtype is DType {
  return typeof dtype === 'string' && SUPPORTED.includes(dtype)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
