import { type FileHandle, open } from 'node:fs/promises'
import { UserError } from '../errors.js'

/** A weight file opened for reading. `size` is in bytes. */
export interface WeightFile {
  readonly path: string
  readonly size: number
  readonly mtimeMs: number
  readonly handle: FileHandle
}

/**
 * @param missing what to say if there is no such file.
 * @throws UserError if there is no such file, or it cannot be read.
 */
export async function openWeightFile(
  path: string,
  missing = `No weight file at ${path}: check the path.`,
): Promise<WeightFile> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const stats = await handle.stat()
    if (!stats.isFile()) throw new Error('it is not a file')
    return { path, size: stats.size, mtimeMs: stats.mtimeMs, handle }
  } catch (error) {
    await handle?.close()
    if (isMissing(error)) throw new UserError(missing)
    throw new UserError(`Cannot read the weight file ${path}: ${reason(error)}.`, 1, { cause: error })
  }
}

/** Opens a file and hands it to `use`, which keeps it open; closes it only if `use` fails. */
export async function withWeightFile<T>(path: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  const file = await openWeightFile(path)
  try {
    return await use(file)
  } catch (error) {
    await file.handle.close()
    throw error
  }
}

/**
 * Fills `bytes` from the file at `offset`.
 * @throws UserError if the file ends before, which it did not when it was opened.
 */
export async function readBytes(file: WeightFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    // One read may return at most 2 GiB.
    const length = Math.min(bytes.length - done, 1 << 30)
    const { bytesRead } = await file.handle.read(bytes, done, length, offset + done)
    if (bytesRead === 0) throw damaged(file.path, `it ends at byte ${offset + done}`)
    done += bytesRead
  }
}

/** The error of a file whose content contradicts its format. */
export function damaged(path: string, what: string): UserError {
  return new UserError(`${path} is damaged or incomplete: ${what}; download or convert it again.`)
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
