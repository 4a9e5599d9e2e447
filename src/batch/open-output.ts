import { once } from 'node:events'
import { statSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { usageError } from '../errors.js'
import { withLock } from '../lock.js'
import { type Output, openStream, writeError } from './output.js'
import { OutputFile } from './output-file.js'

/** The name of stdin and stdout. */
export const STANDARD = '-'

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
  use: (output: Output) => Promise<T>,
): Promise<T> {
  const { retryErrors, stdout } = options
  const target = path === STANDARD ? path : await realpath(path).catch(() => path)
  const found = path === STANDARD ? undefined : await stat(target).catch(() => undefined)
  const isFile = path !== STANDARD && (!found || found.isFile())
  if (isFile) {
    await stat(dirname(target)).catch((error) => {
      throw writeError(path, error)
    })
    return locked(target, options, async () => closing(await OutputFile.open(target, { retryErrors }), use))
  }
  if (retryErrors) throw usageError(`--retry-errors needs a file to read the errors from, not ${path}.`)
  return closing(path === STANDARD ? standardOutput(stdout) : openStream(path), use)
}

/** How often the lock of another run is looked at, ms. */
const POLL = 200

/** The lock of a run that was killed is taken over; one that lives touches its lock now and then, and is not disturbed. */
async function locked<T>(
  path: string,
  { signal, onNotice }: OutputOptions,
  task: () => Promise<T>,
): Promise<T> {
  const lock = `${path}.lock`
  const living = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onWait = () => {
    onNotice?.(`${path} is locked by another run: waiting to see whether that lives.`)
    const touched = () => statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    const before = touched()
    timer = setInterval(() => {
      const now = touched()
      if (now !== undefined && now !== before) living.abort()
    }, POLL)
  }
  const begin = () => {
    clearInterval(timer)
    return task()
  }
  try {
    const signals = [living.signal, ...(signal ? [signal] : [])]
    return await withLock(lock, begin, { signal: AbortSignal.any(signals), onWait })
  } catch (error) {
    if (living.signal.aborted) {
      throw usageError(`${path} is being written by another run: wait for its end, or name another file.`)
    }
    signal?.throwIfAborted()
    throw (error as NodeJS.ErrnoException).path === lock ? writeError(path, error) : error
  } finally {
    clearInterval(timer)
  }
}

async function closing<T>(output: Output, use: (output: Output) => Promise<T>): Promise<T> {
  try {
    return await use(output)
  } finally {
    output.close()
  }
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
