import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { isJsonObject } from '../json.js'

/** Bytes of a token or a ref at most. */
const MOST = 4096

/** Bytes of a config.json at most. */
const MOST_OF_OBJECT = 2 ** 20

/** The object in a small file of JSON; undefined where there is none. */
export function readSmallObject(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(readSmallFile(path, MOST_OF_OBJECT) ?? '')
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The trimmed text of a small file; undefined where there is none, nothing in it, or something else than a small file. */
export function readSmallFile(path: string, most = MOST): string | undefined {
  let file: number | undefined
  try {
    // Opening a pipe that no one writes to would wait for ever.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(file)
    if (!stats.isFile() || stats.size > most) return undefined
    const bytes = Buffer.alloc(stats.size)
    return bytes.toString('utf8', 0, readSync(file, bytes)).trim() || undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
