import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { UserError } from '../errors.js'
import { temporaryName, unwritable } from '../files.js'
import { elementCount } from './dequantise.js'
import { encode, type WrittenType } from './encode.js'

export interface WrittenValues {
  readonly dtype: WrittenType
  readonly shape: number[]
  /** Row-major, rounded to `dtype`; or what reads them when it is their turn. */
  readonly values: Float32Array | (() => Promise<Float32Array>)
}

/** A multiple of every type's block. */
const CHUNK_ELEMENTS = 2 ** 20

/**
 * Writes a file of weights under another name beside `path`, which then takes its name, so that no reader ever sees half a file.
 * @throws UserError if it cannot be written (no directory, no permission, full disk).
 */
export async function writeWeightFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'w')
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    // Whether there is something to remove or not, the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error instanceof UserError || (error as NodeJS.ErrnoException).code === undefined
      ? error
      : unwritable(path, error)
  }
}

/** Writes a tensor's values in chunks. */
export async function writeValues(handle: FileHandle, name: string, tensor: WrittenValues): Promise<void> {
  const { dtype, shape, values: given } = tensor
  const values = typeof given === 'function' ? await given() : given
  requireCount(name, shape, values)
  for (let from = 0; from < values.length; from += CHUNK_ELEMENTS) {
    await handle.writeFile(encode(dtype, values.subarray(from, from + CHUNK_ELEMENTS)))
  }
}

export function requireCount(name: string, shape: readonly number[], values: Float32Array): void {
  if (elementCount(shape) === values.length) return
  throw new RangeError(`Tensor ${name} of shape [${shape}] has ${values.length} values`)
}
