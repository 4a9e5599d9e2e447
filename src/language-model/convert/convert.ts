import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { UserError, usageError } from '../../errors.js'
import { parametersOf } from '../../models/parameters.js'
import type { DType, WeightStore } from '../../weights/index.js'
import type { OpenModel } from '../open.js'
import { refuseExisting, writeDirectoryWhole } from './files.js'
import { writeGgufModel } from './gguf.js'
import { writeHfModel } from './hf.js'

/** How weights are written, by the name that users know. */
export const WRITTEN_TYPES = { fp32: 'F32', fp16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const
export type WrittenDtype = keyof typeof WRITTEN_TYPES

export interface ConvertOptions {
  /** `auto` is that of the model's files, and fp16 where they are quantised. */
  readonly dtype: WrittenDtype | 'auto'
  /** Whether what is there may be replaced. */
  readonly force: boolean
  /** Bytes of the model's weights that were read. */
  readonly onProgress?: (progress: { done: number; total: number }) => void
  readonly signal?: AbortSignal
}

/** What was written. */
export interface Converted {
  readonly path: string
  readonly format: 'safetensors' | 'gguf'
  readonly dtype: WrittenDtype
}

/**
 * Refuses what cannot be, before a model is opened.
 * @param path a directory, or a file that ends in `.gguf`
 * @throws UserError, exit code 2, for a type that the format does not have, and for what is there already
 */
export async function checkOutput(
  path: string,
  { dtype, force }: Pick<ConvertOptions, 'dtype' | 'force'>,
): Promise<void> {
  if (!isGguf(path) && dtype.startsWith('q')) {
    throw usageError(`--dtype cannot be ${dtype} for safetensors: give --output a name that ends in .gguf.`)
  }
  if (!force) await refuseExisting(path)
  const directory = dirname(path)
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) {
    throw usageError(`${path} cannot be written: there is no directory ${directory}.`)
  }
}

/**
 * Writes a model, with its adapter merged into it, as a directory in HF's layout or as a GGUF file; whole or not at all.
 * @throws UserError for what the format cannot hold, files that cannot be written, and a value beyond the type
 */
export async function convertModel(
  model: OpenModel,
  path: string,
  { dtype: asked, onProgress, signal }: ConvertOptions,
): Promise<Converted> {
  const dtype = asked === 'auto' ? ownType(model.store) : asked
  const bytesOf = (name: string) => model.store.tensors.get(name)!.byteLength
  const total = parametersOf(model.spec).reduce((sum, { name }) => sum + bytesOf(name), 0)
  let done = 0
  const read = async (name: string) => {
    signal?.throwIfAborted()
    onProgress?.({ done, total })
    const values = await model.store.read(name)
    done += bytesOf(name)
    if (WRITTEN_TYPES[dtype] === 'F16') requireHalf(name, values)
    return values
  }
  if (isGguf(path)) {
    await writeGgufModel(path, model, { type: WRITTEN_TYPES[dtype], read, name: nameOf(model) })
    return { path, format: 'gguf', dtype }
  }
  const type = WRITTEN_TYPES[dtype]
  if (type === 'Q8_0' || type === 'Q4_0')
    throw usageError(`safetensors hold no ${dtype}: choose fp16 or bf16.`)
  await writeDirectoryWhole(path, (directory) => writeHfModel(directory, model, { type, read }))
  return { path, format: 'safetensors', dtype }
}

function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path)
}

function nameOf({ path }: OpenModel): string {
  return basename(path).replace(/\.gguf$/i, '')
}

/** What most bytes are of. */
function ownType({ tensors }: WeightStore): WrittenDtype {
  const bytes = new Map<DType, number>()
  for (const { dtype, byteLength } of tensors.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength)
  const [most] = [...bytes].sort((a, b) => b[1] - a[1])[0] ?? []
  const own = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' } as const
  return most === 'F32' || most === 'F16' || most === 'BF16' ? own[most] : 'fp16'
}

/** The largest finite value of half precision. */
const MOST_HALF = 65504

function requireHalf(name: string, values: Float32Array): void {
  const beyond = values.find((value) => Math.abs(value) > MOST_HALF)
  if (beyond === undefined) return
  throw new UserError(
    `${name} has the value ${beyond}, and half precision ends at ${MOST_HALF}: use bf16 or fp32.`,
  )
}
