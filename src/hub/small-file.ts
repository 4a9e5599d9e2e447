import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Bytes of a token or a ref at most. */
const MOST = 4096

/** The trimmed text of a small file; undefined where there is none, nothing in it, or something else than a small file. */
export function readSmallFile(path: string): string | undefined {
  let file: number | undefined
  try {
    // Opening a pipe that no one writes to would wait for ever.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(file)
    if (!stats.isFile() || stats.size > MOST) return undefined
    const bytes = Buffer.alloc(stats.size)
    return bytes.toString('utf8', 0, readSync(file, bytes)).trim() || undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
