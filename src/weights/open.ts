import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.js'
import { isMissing, namesIn, unreadable } from '../files.js'
import { openGguf, type TensorsOf } from './gguf.js'
import { openSafetensors, openShardedSafetensors } from './safetensors.js'
import type { WeightStore } from './types.js'

const INDEX = 'model.safetensors.index.json'
const SINGLE = 'model.safetensors'

export type WeightFormat = 'gguf' | 'safetensors'

/**
 * Opens the weights at a path: a GGUF or safetensors file, or a directory in HF layout, where `model.safetensors` comes
 * first, as in HF, then the index of a sharded model, then the only `.safetensors` file.
 * @param tensorsOf HF's tensors of a GGUF file
 * @throws UserError that names what is there if there are no weights, and as the format's own `open`.
 */
export async function openWeights(path: string, tensorsOf?: TensorsOf): Promise<WeightStore> {
  if (await isDirectory(path)) return openDirectory(path)
  const format = await weightFormat(path)
  if (format === 'gguf') return openGguf(path, tensorsOf)
  if (format === 'safetensors') return openSafetensors(path)
  throw new UserError(`${path} is no weight file: give a .safetensors or .gguf file, or a model's directory.`)
}

/**
 * The format of a weight file: by what it begins with, since caches of blobs name files by their hash, and else by its name.
 * @throws UserError if it cannot be read
 */
export async function weightFormat(path: string): Promise<WeightFormat | undefined> {
  const start = await firstBytes(path, 9)
  if (start.toString('latin1', 0, 4) === 'GGUF') return 'gguf'
  // 8 bytes of the header's length, of which the highest are 0 in any file, and the header, which is JSON.
  if (start.length === 9 && start.readUInt16LE(6) === 0 && start[8] === '{'.charCodeAt(0))
    return 'safetensors'
  const name = path.toLowerCase()
  if (name.endsWith('.gguf')) return 'gguf'
  return name.endsWith('.safetensors') ? 'safetensors' : undefined
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  try {
    // To open a pipe that nobody writes to would wait for ever.
    if (!(await stat(path)).isFile()) throw new Error('it is not a file')
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function openDirectory(path: string): Promise<WeightStore> {
  const names = await namesIn(path)
  if (names.includes(SINGLE)) return openSafetensors(join(path, SINGLE))
  if (names.includes(INDEX)) return openShardedSafetensors(join(path, INDEX))
  const candidates = names.filter((name) => name.endsWith('.safetensors'))
  if (candidates.length === 1) return openSafetensors(join(path, candidates[0]))
  throw new UserError(noWeights(path, candidates, names))
}

function noWeights(path: string, candidates: readonly string[], names: readonly string[]): string {
  if (candidates.length > 1) {
    return `${path} has several safetensors files and no ${INDEX}: name one of ${candidates.join(', ')}.`
  }
  const gguf = names.filter((name) => /\.gguf$/i.test(name))
  if (gguf.length > 0)
    return `${path} has no safetensors: give the path of a GGUF file in it (${gguf.join(', ')}).`
  const other = names.filter((name) => /\.(bin|pth?|h5|msgpack|onnx|ckpt)$/.test(name))
  if (other.length > 0)
    return `${path} has no safetensors but ${other.join(', ')}: convert it to safetensors.`
  return `${path} has no weights: it needs ${SINGLE} or ${INDEX}.`
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (isMissing(error)) throw new UserError(`There is no ${path}: check the path of the model.`)
    throw unreadable(path, error)
  }
}
