import { once } from 'node:events'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { withLock } from '../hub/lock.js'
import { type Output, openStream, writeError } from './output.js'
import { OutputFile } from './output-file.js'

/** The name of stdin and stdout. */
export const STANDARD = '-'

export interface OutputOptions {
  readonly retryErrors: boolean
  readonly stdout: NodeJS.WritableStream
}

/**
 * Opens an output for `use`, and closes it. A file is locked meanwhile: by `PATH.lock` beside it, which is taken over where
 * its process has died.
 * @param path a file, a pipe or device, or `-` for stdout
 * @throws UserError, exit code 2, for a file that another run writes to, or that is no output of this command
 */
export async function withOutput<T>(
  path: string,
  { retryErrors, stdout }: OutputOptions,
  use: (output: Output) => Promise<T>,
): Promise<T> {
  const target = path === STANDARD ? path : await realpath(path).catch(() => path)
  const found = path === STANDARD ? undefined : await stat(target).catch(() => undefined)
  const isFile = path !== STANDARD && (!found || found.isFile())
  if (isFile) {
    await stat(dirname(target)).catch((error) => {
      throw writeError(path, error)
    })
    const onWait = () => {
      throw usageError(`${path} is being written by another run: wait for its end, or name another file.`)
    }
    const task = async () => closing(await OutputFile.open(target, { retryErrors }), use)
    return withLock(`${target}.lock`, task, { onWait }).catch((error) => {
      throw error instanceof UserError ? error : lockError(path, error)
    })
  }
  if (retryErrors) throw usageError(`--retry-errors needs a file to read the errors from, not ${path}.`)
  return closing(path === STANDARD ? standardOutput(stdout) : openStream(path), use)
}

async function closing<T>(output: Output, use: (output: Output) => Promise<T>): Promise<T> {
  try {
    return await use(output)
  } finally {
    output.close()
  }
}

/** A file that can be written beside which none can be made. */
function lockError(path: string, error: NodeJS.ErrnoException): Error {
  return error.path?.endsWith('.lock') ? writeError(path, error) : error
}

/** Waits where the reader is slow. */
function standardOutput(stream: NodeJS.WritableStream): Output {
  return {
    written: new Map(),
    async write({ text }) {
      if (!stream.write(`${text}\n`)) await once(stream, 'drain')
    },
    sort() {},
    close() {},
  }
}
