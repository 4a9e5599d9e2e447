import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.js'
import { openGguf } from './gguf.js'
import { openSafetensors, openShardedSafetensors } from './safetensors.js'
import type { WeightStore } from './types.js'
import { isMissing, reason } from './weight-file.js'

const INDEX = 'model.safetensors.index.json'
const SINGLE = 'model.safetensors'

/**
 * Opens the weights at a path: a `.gguf` or `.safetensors` file, or a directory in HF layout, where the index
 * of a sharded model comes first, then `model.safetensors`, then the only `.safetensors` file.
 * @throws UserError that names what is there if there are no weights, and as the format's own `open`.
 */
export async function openWeights(path: string): Promise<WeightStore> {
  if (await isDirectory(path)) return openDirectory(path)
  if (path.endsWith('.gguf')) return openGguf(path)
  if (path.endsWith('.safetensors')) return openSafetensors(path)
  throw new UserError(`${path} is no weight file: give a .safetensors or .gguf file, or a model's directory.`)
}

async function openDirectory(path: string): Promise<WeightStore> {
  const names = (await readdir(path)).sort()
  if (names.includes(INDEX)) return openShardedSafetensors(join(path, INDEX))
  if (names.includes(SINGLE)) return openSafetensors(join(path, SINGLE))
  const candidates = names.filter((name) => name.endsWith('.safetensors'))
  if (candidates.length === 1) return openSafetensors(join(path, candidates[0]))
  throw new UserError(noWeights(path, candidates, names))
}

function noWeights(path: string, candidates: readonly string[], names: readonly string[]): string {
  if (candidates.length > 1) {
    return `${path} has several safetensors files and no ${INDEX}: name one of ${candidates.join(', ')}.`
  }
  const gguf = names.filter((name) => name.endsWith('.gguf'))
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
    throw new UserError(`Cannot read ${path}: ${reason(error)}.`, 1, { cause: error })
  }
}
