import { once } from 'node:events'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { STDIO } from '../files.js'
import { type Lock, LockHeld, withLock } from '../lock.js'
import { openStream, type RowOutput, writeError } from './output.js'
import { OutputFile } from './output-file.js'

export interface OutputOptions {
  readonly retryErrors: boolean
  readonly stdout: NodeJS.WritableStream
  readonly signal?: AbortSignal
  /** Called with a sentence where the file is locked, and it is not clear yet whether by a run that lives. */
  readonly onNotice?: (message: string) => void
}

/**
 * Opens an output for `use`, and closes it. A file is locked meanwhile, by `PATH.lock` beside it.
 * @param path a file, a pipe or device, or `-` for stdout
 * @throws UserError, exit code 2, for a file that another run writes to, or that is no output of this command
 */
export async function withOutput<T>(
  path: string,
  options: OutputOptions,
  use: (output: RowOutput) => Promise<T>,
): Promise<T> {
  const { retryErrors, stdout } = options
  const target = path === STDIO ? path : await realpath(path).catch(() => path)
  const found = path === STDIO ? undefined : await stat(target).catch(() => undefined)
  const isFile = path !== STDIO && (!found || found.isFile())
  if (isFile) {
    await stat(dirname(target)).catch((error) => {
      throw writeError(path, error)
    })
    return locked(target, options, async (lock) =>
      closing(await OutputFile.open(target, { retryErrors, lock }), use),
    )
  }
  if (retryErrors) throw usageError(`--retry-errors needs a file to read the errors from, not ${path}.`)
  return closing(path === STDIO ? standardOutput(stdout) : openStream(path), use)
}

async function locked<T>(
  path: string,
  { signal, onNotice }: OutputOptions,
  task: (lock: Lock) => Promise<T>,
): Promise<T> {
  const onWait = () =>
    onNotice?.(
      `${path} is locked by a run of another machine or container: waiting to see whether that lives.`,
    )
  let isHeld = false
  const begin = (lock: Lock) => {
    isHeld = true
    return task(lock)
  }
  try {
    return await withLock(`${path}.lock`, begin, { signal, onWait, refuse: true })
  } catch (error) {
    if (isHeld) throw error
    if (error instanceof LockHeld) {
      throw usageError(`${path} is being written by another run: wait for its end, or name another file.`)
    }
    signal?.throwIfAborted()
    throw error instanceof UserError ? error : writeError(path, error)
  }
}

async function closing<T>(output: RowOutput, use: (output: RowOutput) => Promise<T>): Promise<T> {
  try {
    return await use(output)
  } finally {
    output.close()
  }
}

/** Waits where the reader is slow. */
function standardOutput(stream: NodeJS.WritableStream): RowOutput {
  return {
    written: new Map(),
    async write({ text }) {
      if (!stream.write(`${text}\n`)) await once(stream, 'drain')
    },
    sort() {},
    close() {},
  }
}
