import { readFileSync } from 'node:fs'
import { type FileHandle, link, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from './errors.js'
import { makeDirectory, unreadable } from './files.js'
import { claimFile, type Found, look, place, successionOf, WITHOUT_LINKS } from './lock-file.js'
import { lifeOf, ownerLine, parseOwner } from './lock-owner.js'

/*
 * Locks: one process at a time, in one namespace or in several (containers), on one machine or on several that share a
 * directory.
 *
 * - The lock is a file that holds its owner's line. It appears with that line, by link(2), which two never do at once, on NFS
 *   neither; where a file system has no links, by O_EXCL.
 * - The process is asked before the age. An owner of this boot and namespace is stale when its process has died (or its id
 *   is another process's by now), and never while that lives, suspended or not. Of any other owner only silence tells: it
 *   writes its line again each 5 s, and is stale when that has not happened for 60 s by the clock of the file's server,
 *   which sets both times that are compared, and in 10 s of watching: a machine that wakes finds all locks old.
 * - A stale lock is replaced, not removed: who wants it makes a file of the stale owner's name beside it (LOCK.ID), which is a
 *   lock for this one step and is claimed by the same rule; looks once more that the lock is the one that was judged;
 *   and renames that file over it. At no moment is there no lock, and only one comes after each owner. An owner that ends
 *   makes the same file before it removes its lock.
 * - An owner that may have been taken for dead (of another machine or container, silent for 60 s) finds that out by
 *   `assertHeld`, before each write. Between that look and the write it may be suspended once more, for another minute: no
 *   file can prevent that write. Who takes over such a lock (`mayHaveRival`) therefore goes on in a copy of what the
 *   owner writes to, so that a late write ends in a file that has no name any more.
 */

const TIMING = {
  /** Between two signs of life, ms. */
  heartbeat: 5_000,
  /** Without one, until an owner that cannot be asked is stale, ms. */
  silence: 60_000,
}
const POLL_MS = 100

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void
  /** Ends with `LockHeld` once the holder is known to live, instead of waiting for its end. */
  readonly refuse?: boolean
  readonly timing?: typeof TIMING
}

/** A lock that this process holds. */
export interface Lock {
  /** To be called before each write that the lock is for. @throws UserError where the lock is another process's by now */
  assertHeld(): void
  /** Whether the one that held it before may still live and write: see above. */
  readonly mayHaveRival: boolean
}

/** Another process, which lives, holds the lock. */
export class LockHeld extends UserError {}

/**
 * Runs `task` while no other process runs one under the same lock file, whose directory is made where need be.
 * @throws LockHeld with `refuse`, an AbortError by `signal`, the system's error, with the lock's path, where it cannot be written, and
 *   what `task` throws
 */
export async function withLock<T>(
  path: string,
  task: (lock: Lock) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const line = ownerLine()
  const watch = new Watch(path, line, options.timing ?? TIMING)
  const heart = await begin(path, line, watch, options).catch((error) => {
    // A file beside the lock is what could not be written, or no file is named: a full disk tells none.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) error.path = path
    throw error
  })
  try {
    await sweep(path)
    return await task({ assertHeld: () => assertHeld(path, line), mayHaveRival: watch.tookOverSilent })
  } finally {
    await heart.stop()
    // What cannot be removed is stale once this process has ended.
    await release(path, line).catch(() => undefined)
  }
}

async function begin(path: string, line: string, watch: Watch, options: LockOptions): Promise<Heart> {
  await makeDirectory(dirname(path))
  await acquire(path, line, watch, options)
  return Heart.start(path, line, watch.timing.heartbeat)
}

async function acquire(
  path: string,
  line: string,
  watch: Watch,
  { signal, onWait, refuse }: LockOptions,
): Promise<void> {
  for (let waited = false; ; waited = true) {
    const holder = await claim(path, line, watch)
    if (!holder) return
    if (refuse && holder === 'alive') throw new LockHeld(`Another process holds the lock ${path}.`)
    if (!waited) onWait?.()
    await sleep(POLL_MS, undefined, { signal })
  }
}

/** Puts a line at a path: where nothing is, or in the place of a stale one. @returns what is known of who holds it instead */
async function claim(path: string, line: string, watch: Watch): Promise<'alive' | 'unknown' | undefined> {
  for (;;) {
    const found = await look(path)
    if (found?.line === line) return undefined
    if (!found) {
      await place(path, line)
      continue
    }
    const life = await watch.judge(path, found)
    if (life !== 'dead') return life
    const succession = successionOf(path, found.line)
    const other = await claim(succession, line, watch)
    if (other) return other
    const now = await look(path)
    if (now?.line === found.line && now.mtimeMs === found.mtimeMs) await rename(succession, path)
    else await rm(succession, { force: true })
  }
}

/** The judge of those that hold a lock: what it has seen of one counts for the next look. */
class Watch {
  /** Whether a lock was taken over whose owner was only silent. */
  tookOverSilent = false
  /** Since when a holder has not been seen to touch its lock. */
  private readonly seen = new Map<string, { mtimeMs: number; since: number }>()

  constructor(
    private readonly path: string,
    private readonly line: string,
    readonly timing: typeof TIMING,
  ) {}

  /** `dead` is one that is stale: see above. */
  async judge(path: string, { line, mtimeMs }: Found): Promise<'alive' | 'dead' | 'unknown'> {
    const life = lifeOf(parseOwner(line))
    if (life !== 'unknown') return life
    const holder = `${path} ${line}`
    const seen = this.seen.get(holder)
    if (seen?.mtimeMs !== mtimeMs) {
      this.seen.set(holder, { mtimeMs, since: performance.now() })
      return seen ? 'alive' : 'unknown'
    }
    const { heartbeat, silence } = this.timing
    if (performance.now() - seen.since < 2 * heartbeat) return 'unknown'
    if ((await this.serverTime()) - mtimeMs < silence) return 'unknown'
    this.tookOverSilent = true
    return 'dead'
  }

  /** What the clock says that files get their times from. */
  private async serverTime(): Promise<number> {
    const path = claimFile(this.path, this.line)
    const handle = await open(path, 'w')
    try {
      await handle.write(this.line)
      await handle.datasync()
      return (await handle.stat()).mtimeMs
    } finally {
      await handle.close()
      await rm(path, { force: true })
    }
  }
}

/** Signs of life, into the file that was made: not into that of another one which has taken its place. */
class Heart {
  private readonly timer: NodeJS.Timeout
  private beat: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly file: FileHandle,
    line: string,
    interval: number,
  ) {
    const write = () => file.write(line, 0).then(() => file.datasync())
    // What fails once may succeed the next time; if not, `assertHeld` tells.
    this.timer = setInterval(() => {
      this.beat = this.beat.then(write).catch(() => undefined)
    }, interval)
    this.timer.unref()
  }

  static async start(path: string, line: string, interval: number): Promise<Heart> {
    const file = await open(path, 'r+')
    const found = await file.readFile('utf8')
    if (found === line) return new Heart(file, line, interval)
    await file.close()
    throw lost(path, found)
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    await this.beat
    await this.file.close()
  }
}

function assertHeld(path: string, line: string): void {
  let found: string | undefined
  try {
    found = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(path, error)
  }
  if (found !== line) throw lost(path, found)
}

function lost(path: string, found: string | undefined): UserError {
  return new UserError(
    found === undefined
      ? `The lock ${path} has been removed while this run held it: nothing more is written.`
      : `The lock ${path} is another run's by now, since this one gave no sign of life for a minute: nothing more is written.`,
  )
}

async function release(path: string, line: string): Promise<void> {
  const succession = successionOf(path, line)
  try {
    // Whoever is taking it over has made this file.
    await link(path, succession)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (WITHOUT_LINKS.has(code) && (await look(path))?.line === line) await rm(path)
    return
  }
  if ((await look(path))?.line === line) await rm(path, { force: true })
  await rm(succession, { force: true })
}

/** Removes what processes that were killed in the midst of a step left beside a lock. */
async function sweep(path: string): Promise<void> {
  const directory = dirname(path)
  const prefix = `${basename(path)}.`
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(prefix) || !/^[\w.-]+$/.test(name.slice(prefix.length))) continue
    const left = join(directory, name)
    const found = await look(left).catch(() => undefined)
    if (found && lifeOf(parseOwner(found.line)) === 'dead') await rm(left, { force: true })
  }
}
