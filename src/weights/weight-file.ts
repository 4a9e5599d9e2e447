import { type FileHandle, open, stat } from 'node:fs/promises'
import { UserError } from '../errors.js'
import { isMissing, unreadable } from '../files.js'

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
    // To open a pipe that nobody writes to would wait for ever.
    if (!(await stat(path)).isFile()) throw new Error('it is not a file')
    handle = await open(path, 'r')
    const stats = await handle.stat()
    return { path, size: stats.size, mtimeMs: stats.mtimeMs, handle }
  } catch (error) {
    await handle?.close()
    if (isMissing(error)) throw new UserError(missing)
    throw unreadable(path, error)
  }
}

/** Opens a file and hands it to `use`, which keeps it open; closes it only if `use` fails. */
export function withWeightFile<T>(path: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  return withWeightFiles(async (open) => use(await open(path)))
}

/** As `withWeightFile`, for several: `use` opens them. */
export async function withWeightFiles<T>(use: (open: typeof openWeightFile) => Promise<T>): Promise<T> {
  const files: WeightFile[] = []
  const open: typeof openWeightFile = async (...args) => {
    const file = await openWeightFile(...args)
    files.push(file)
    return file
  }
  try {
    return await use(open)
  } catch (error) {
    await Promise.all(files.map((file) => file.handle.close()))
    throw error
  }
}

/**
 * Fills `bytes` from the file at `offset`.
 * @throws UserError if the file cannot be read, or ends before, which it did not when it was opened.
 */
export async function readRange(file: WeightFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    // One read may return at most 2 GiB.
    const length = Math.min(bytes.length - done, 1 << 30)
    const { bytesRead } = await file.handle.read(bytes, done, length, offset + done).catch((error) => {
      throw unreadable(file.path, error)
    })
    if (bytesRead === 0) throw damaged(file.path, `it ends at byte ${offset + done}`)
    done += bytesRead
  }
}

/** The error of a file whose content contradicts its format. */
export function damaged(path: string, what: string): UserError {
  return new UserError(`${path} is damaged or incomplete: ${what}; download or convert it again.`)
}

/** The error of a file that Git LFS has left a pointer in place of: `version https://git-lfs.github.com/spec/v1 …`. */
export function lfsPointer(path: string): UserError {
  return new UserError(`${path} is a pointer of Git LFS and not the weights: run git lfs pull.`)
}
