import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UserError } from './errors.js'
import { parseJson, parseJsonObject } from './json.js'

/** What stands for stdin or stdout instead of a file's name. */
export const STDIO = '-'

/** Bytes that are read of a text file at most: larger ones are no configuration, tokenizer or prompt. */
export const MOST_TEXT = 256 * 2 ** 20

/**
 * The bytes of a file; devices and pipes, which have no size, are read up to `most`.
 * @throws UserError, exit code 1, where it cannot be read or is larger; its `cause` is the system's error
 */
export async function readBytes(path: string, most = MOST_TEXT): Promise<Buffer> {
  return readAll(createReadStream(path, { highWaterMark: 2 ** 20 }), path, most)
}

/** The bytes of a stream. @throws UserError as `readBytes` */
export async function readAll(
  stream: AsyncIterable<unknown>,
  origin: string,
  most = MOST_TEXT,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer)
      length += (chunk as Buffer).length
      if (length > most) {
        throw new UserError(`${origin} is too large: at most ${most.toLocaleString('en')} bytes are read.`)
      }
    }
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(origin, error)
  }
  return Buffer.concat(chunks, length)
}

/**
 * The text of a file in UTF-8, without a byte order mark.
 * @throws UserError as `readBytes`, and for bytes that are no UTF-8
 */
export async function readText(path: string, most = MOST_TEXT): Promise<string> {
  return decodeText(await readBytes(path, most), path)
}

/** As `readText`; undefined where there is no such file. */
export async function readTextIfThere(path: string, most = MOST_TEXT): Promise<string | undefined> {
  try {
    return await readText(path, most)
  } catch (error) {
    if (isMissing((error as Error).cause)) return undefined
    throw error
  }
}

/** The value of a JSON file; undefined where there is no such file. @throws UserError as `readText` and `parseJson` */
export async function readJsonIfThere(path: string, most = MOST_TEXT): Promise<unknown> {
  const text = await readTextIfThere(path, most)
  return text === undefined ? undefined : parseJson(text, path)
}

/** The value of a JSON file as `readJsonIfThere`. @throws UserError, too, for a value that is no object */
export async function readJsonObjectIfThere(
  path: string,
  most = MOST_TEXT,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readTextIfThere(path, most)
  return text === undefined ? undefined : parseJsonObject(text, path)
}

/** Bytes of a file of settings or of a model's configuration at most. */
export const MOST_SETTINGS = 16 * 2 ** 20

/** The text of bytes in UTF-8, without a byte order mark. @throws UserError, exit code 2, for bytes that are none */
export function decodeText(bytes: Uint8Array, origin: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new UserError(`${origin} is not valid UTF-8: convert it first.`, 2, { cause: error })
  }
}

/** The name beside a path under which it is made, or done away with, so that what has the path is whole. */
export function temporaryName(path: string): string {
  // Containers that share a directory have the same process ids.
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
}

/**
 * Whether a name is a temporary one, which a process that was killed has left, if none lives that has it.
 * @param file whose temporary name it would be; by default any
 */
export function isTemporary(name: string, file?: string): boolean {
  const suffix = /\.\d+-[0-9a-f]{8}\.tmp$/.exec(name)?.[0]
  return suffix !== undefined && (file === undefined || name === file + suffix)
}

/**
 * Writes a file whole or not at all: under another name beside it, which then takes its place.
 * @throws UserError if it cannot be written (no directory, no permission, full disk)
 */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, content)
    await rename(temporary, path)
  } catch (error) {
    // Whether there is something to remove or not, the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw unwritable(path, error)
  }
}

/**
 * What `writeFileWhole` would meet, before there is something to write.
 * @throws UserError, exit code 2, for a directory that is not there, and as `writeFileWhole`
 */
export async function requireWritableFile(path: string): Promise<void> {
  const directory = dirname(path)
  const [parent, own] = await Promise.all([directory, path].map((each) => stat(each).catch(() => undefined)))
  if (!parent?.isDirectory()) {
    throw new UserError(`${path} cannot be written: there is no directory ${directory}.`, 2)
  }
  if (own?.isDirectory()) throw new UserError(`${path} cannot be written: it is a directory.`, 2)
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, '')
  } catch (error) {
    throw unwritable(path, error)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

/** @throws UserError as `writeFileWhole` */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileWhole(path, `${JSON.stringify(value, null, 2)}\n`)
}

/**
 * Makes a directory and its parents. Node's own recursive `mkdir` never ends where a parent is there and the system still
 * says ENOENT, as below /proc or an automounter's directory (seen with Node 20.20).
 * @throws the system's error, of code ENOENT, EACCES, ENOTDIR, EEXIST and the like
 */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path)
  const made = await mkdir(directory).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  )
  if (!made) return
  const found = await stat(directory).catch(() => undefined)
  if (found?.isDirectory()) return
  const parent = dirname(directory)
  if (made.code !== 'ENOENT' || parent === directory) throw made
  const isParentThere = await stat(parent).then(
    () => true,
    () => false,
  )
  if (!isParentThere) await makeDirectory(parent)
  // Another process may have made the parent meanwhile, or the directory itself.
  await mkdir(directory).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await stat(directory)).isDirectory()) throw error
  })
}

/** The names in a directory, sorted. @throws UserError if it cannot be read */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    throw unreadable(directory, error)
  }
}

/** As `namesIn`; none where there is no such directory. */
export async function namesInIfThere(directory: string): Promise<string[]> {
  try {
    return await namesIn(directory)
  } catch (error) {
    if (isMissing((error as Error).cause)) return []
    throw error
  }
}

export function unreadable(path: string, error: unknown): UserError {
  return new UserError(`${path} cannot be read: ${systemReason(error)}.`, 1, { cause: error })
}

export function unwritable(path: string, error: unknown): UserError {
  return new UserError(`Cannot write ${path}: ${systemReason(error)}.`, 1, { cause: error })
}

/** Whether the system's error says that there is no such file: no entry, or a file where a directory should be. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of its path is no directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in a circle',
  EEXIST: 'there is something else of this name',
  EXDEV: 'it lies on another disk',
  EFBIG: 'it may not grow any further',
  EPIPE: 'its reader has gone',
}

/** A system's error in words, without the path and the call that Node repeats. */
export function systemReason(error: unknown): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (syscall === 'uv_cwd') return 'the working directory has been removed'
  return REASONS[code ?? ''] ?? message?.replace(/, \w+( '.*)?$/s, '') ?? String(error)
}
