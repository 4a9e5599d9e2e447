import { rename, rm, rmdir, stat } from 'node:fs/promises'
import { UserError, usageError } from '../../errors.js'
import { makeDirectory, namesInIfThere, temporaryName, unwritable } from '../../files.js'

/**
 * Refuses what is there before anything is read.
 * @throws UserError, exit code 2, for a file, or a directory that has some
 */
export async function refuseExisting(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats) return
  if (stats.isDirectory() && (await namesInIfThere(path)).length === 0) return
  const what = stats.isDirectory() ? 'has files' : 'is there'
  throw usageError(`${path} ${what} already: give another --output, or --force.`)
}

/**
 * Makes a directory whole or not at all: under another name beside it, which then takes its place, and that of what was there.
 * @throws UserError if it cannot be written
 */
export async function writeDirectoryWhole(
  path: string,
  write: (directory: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await makeDirectory(temporary)
    await write(temporary)
    await moveAway(path)
    await rename(temporary, path)
  } catch (error) {
    // The first error is the one to report.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    const isOfSystem = typeof (error as NodeJS.ErrnoException).code === 'string'
    throw error instanceof UserError || !isOfSystem ? error : unwritable(path, error)
  }
}

async function moveAway(path: string): Promise<void> {
  if (!(await stat(path).catch(() => undefined))) return
  const isEmpty = await rmdir(path).then(
    () => true,
    () => false,
  )
  if (isEmpty) return
  const old = temporaryName(path)
  await rename(path, old)
  await rm(old, { recursive: true, force: true })
}
