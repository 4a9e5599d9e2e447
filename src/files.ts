import { rename, rm, writeFile } from 'node:fs/promises'
import { UserError } from './errors.js'

/**
 * Writes a file whole or not at all: under another name beside it, which then takes its place.
 * @throws UserError if it cannot be written (no directory, no permission, full disk)
 */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeFile(temporary, content)
    await rename(temporary, path)
  } catch (error) {
    // Whether there is something to remove or not, the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw new UserError(`Cannot write ${path}: ${(error as Error).message}.`, 1, { cause: error })
  }
}

/** @throws UserError as `writeFileWhole` */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileWhole(path, `${JSON.stringify(value, null, 2)}\n`)
}
