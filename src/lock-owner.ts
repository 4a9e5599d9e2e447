import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Who holds a lock, as the line in its file says it. A process is told apart by all of it: see `lifeOf`. */
export interface Owner {
  readonly host: string
  readonly pid: number
  /** Of this one holding of the lock; safe in a file's name. */
  readonly id: string
  /** The system's start that the process belongs to; undefined where the system does not tell (macOS, Windows). */
  readonly boot?: string
  /** The namespace that the process id counts in: a container has one of its own. */
  readonly namespace?: string
  /** When the process began, in ticks since the boot: a process id is used again. */
  readonly start?: string
}

/**
 * The line of a new holding by this process: `HOST PID ID BOOT NAMESPACE START`, the last three where the system tells
 * them.
 */
export function ownerLine(): string {
  const { boot, namespace, start } = here()
  const known = boot && namespace && start ? [boot, namespace, start] : []
  return [hostname(), process.pid, randomBytes(6).toString('hex'), ...known].join(' ')
}

/** The owner that a line names; undefined for a line that names none, as of a file that is not written whole. */
export function parseOwner(line: string): Owner | undefined {
  const [host, pid, id, boot, namespace, start] = line.trim().split(' ')
  if (!/^\d{1,10}$/.test(pid ?? '') || !/^[\w-]{1,64}$/.test(id ?? '')) return undefined
  return { host, pid: Number(pid), id, boot, namespace, start }
}

/**
 * Whether the owner's process lives, as far as can be known from here. Of another machine, boot or namespace nothing is;
 * nor is it of a living process that says no start, since its id may be another one's by now.
 */
export function lifeOf(owner: Owner | undefined): 'alive' | 'dead' | 'unknown' {
  if (!owner || !isOfHere(owner)) return 'unknown'
  if (!hasProcess(owner.pid)) return 'dead'
  const { procfs } = here()
  const found = procfs ? processStat(owner.pid) : undefined
  // One that has died, but that no one has waited for, as in containers without an init process.
  if (found?.state === 'Z' || found?.state === 'X') return 'dead'
  if (!found || owner.start === undefined) return owner.start === undefined ? 'unknown' : 'alive'
  return found.start === owner.start ? 'alive' : 'dead'
}

/** What a line does not say, as one of another system or of an earlier version, is taken to be as here. */
function isOfHere({ host, boot, namespace }: Owner): boolean {
  if (boot === undefined || namespace === undefined) return host === hostname()
  return boot === here().boot && namespace === here().namespace
}

function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

interface Here extends Pick<Owner, 'boot' | 'namespace' | 'start'> {
  /** Whether /proc shows the processes of this namespace: in a new one without a mount of its own it does not. */
  readonly procfs: boolean
}

let cached: Here | undefined

function here(): Here {
  cached ??= {
    boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
    start: processStat('self')?.start,
    procfs: attempt(() => readlinkSync('/proc/self')) === String(process.pid),
  }
  return cached
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); the name before them may hold blanks and parentheses. */
function processStat(pid: number | 'self'): { state: string; start: string } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields && fields.length > 19 ? { state: fields[0], start: fields[19] } : undefined
}

/** Undefined where the system has no such file, or does not show it. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
