import { UserError } from '../errors.js'
import { systemReason } from '../files.js'

/** A system's error at work in the cache, as a sentence; any other error as it is. */
export function cacheError(error: unknown, cacheDir: string): unknown {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(cacheDir, code)
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code) || error instanceof UserError) return error
  return new UserError(
    `The cache at ${cacheDir} cannot be written (${systemReason(error)}): set HF_HOME to another directory.`,
    1,
    { cause: error },
  )
}

export function diskFull(cacheDir: string, detail: string): UserError {
  return new UserError(
    `The disk of the cache at ${cacheDir} is full (${detail}): free some space, then pull again.`,
  )
}
