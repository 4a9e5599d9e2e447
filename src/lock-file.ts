import { type FileHandle, link, lstat, open, rm, writeFile } from 'node:fs/promises'
import { UserError } from './errors.js'
import { parseOwner } from './lock-owner.js'

/** Bytes of an owner's line. */
const MOST_LINE = 4096

/** The file that who comes after an owner makes. */
export function successionOf(path: string, line: string): string {
  return `${path}.${parseOwner(line)?.id ?? 'unknown'}`
}

/** Puts a line at a path where nothing is; where something is, it stays. */
export async function place(path: string, line: string): Promise<void> {
  const whole = claimFile(path, line)
  try {
    await writeFile(whole, line)
    await link(whole, path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (!WITHOUT_LINKS.has(code)) throw error
    await writeFile(path, line, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(whole, { force: true })
  }
}

/** What file systems say that have no links; EPERM is Linux's. */
export const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'])

/** A file of an owner's own, beside the lock. */
export function claimFile(path: string, line: string): string {
  return `${successionOf(path, line)}.claim`
}

/** A line, and when it was last written. */
export interface Found {
  readonly line: string
  readonly mtimeMs: number
}

/** What a lock says now: it is opened, since a client of NFS asks the server then. */
export async function look(path: string): Promise<Found | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    if ((await lstat(path).catch(() => undefined))?.isSymbolicLink()) {
      throw new UserError(`The lock ${path} is a link to nothing: remove it.`)
    }
    return undefined
  }
  try {
    const { mtimeMs } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_LINE), 0, MOST_LINE, 0)
    return { line: buffer.toString('utf8', 0, bytesRead), mtimeMs }
  } finally {
    await handle.close()
  }
}
