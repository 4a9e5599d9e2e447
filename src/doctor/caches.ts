import { constants } from 'node:fs'
import { access, readdir, stat, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheRoot } from '../cache-directory.js'
import { listCached } from '../hub/index.js'
import { hubSettings } from '../hub/settings.js'
import { formatBytes } from '../ui/format.js'
import type { Check } from './check.js'

/** Bytes of disk below which a model may not fit. */
const LITTLE_SPACE = 1e9

/** What llm keeps itself: converted weights, costs, rows to learn, corpora. A model of half precision needs it. */
export async function ownCacheCheck(): Promise<Check> {
  const path = cacheRoot()
  const sizes: [name: string, bytes: number][] = []
  for (const name of await directoriesIn(path)) sizes.push([name, await bytesBelow(join(path, name))])
  const held = sizes.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ') || 'empty'
  const details = Object.fromEntries(sizes.map(([name, bytes]) => [`${name}_bytes`, bytes]))
  return cacheCheck('Cache', path, { held, details, variable: 'XDG_CACHE_HOME', needed: true })
}

/** Without it nothing can be pulled; what is on disk elsewhere works. */
export async function hubCacheCheck(): Promise<Check> {
  const { cacheDir, offline } = hubSettings()
  const models = await readable(() => listCached())
  const bytes = models.reduce((sum, { size }) => sum + size, 0)
  const count = `${models.length} model${models.length === 1 ? '' : 's'}, ${formatBytes(bytes)}`
  const held = offline ? `${count}, offline by HF_HUB_OFFLINE` : count
  const details = { models: models.length, bytes, offline }
  return cacheCheck('Hub cache', cacheDir, { held, details, variable: 'HF_HOME', needed: false })
}

interface Held {
  /** For a reader. */
  readonly held: string
  readonly details: Check['details']
  /** That says where the cache is. */
  readonly variable: string
  /** Whether `llm generate` does not work where it cannot be written. */
  readonly needed: boolean
}

async function cacheCheck(
  name: string,
  path: string,
  { held, details, variable, needed }: Held,
): Promise<Check> {
  const { writable, free } = await place(path)
  const all = { path, writable, free, ...details }
  if (!writable) {
    const advice = `Set ${variable} to a directory that can be written.`
    return {
      name,
      state: needed ? 'problem' : 'note',
      found: `${shown(path)} cannot be written`,
      advice,
      details: all,
    }
  }
  const isLittle = free !== null && free < LITTLE_SPACE
  const space = free === null ? '' : `; ${formatBytes(free)} of disk free`
  return {
    name,
    state: isLittle ? 'note' : 'ok',
    found: `${shown(path)}: ${held}${space}`,
    ...(isLittle && { advice: `Free some space, or set ${variable} to another disk.` }),
    details: all,
  }
}

/** A path with the home directory as the shell writes it. */
function shown(path: string): string {
  const home = process.env.HOME || homedir()
  return path.startsWith(join(home, '/')) ? `~${path.slice(home.length)}` : path
}

/** Whether a directory can be written, or made where it is not there yet; nothing is made. `free` is in bytes. */
async function place(path: string): Promise<{ writable: boolean; free: number | null }> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error.code)
  if (found === 'ENOENT' && dirname(path) !== path) return place(dirname(path))
  if (typeof found !== 'object' || !found.isDirectory()) return { writable: false, free: null }
  const isAllowed = await access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
  const disk = await statfs(path).catch(() => undefined)
  // A file system without a block, as /proc or an automounter's directory, lets root write and makes nothing.
  return { writable: isAllowed && disk?.blocks !== 0, free: disk ? disk.bavail * disk.bsize : null }
}

async function directoriesIn(path: string): Promise<string[]> {
  const entries = await readable(() => readdir(path, { withFileTypes: true }))
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

async function bytesBelow(path: string): Promise<number> {
  const names = await readable(() => readdir(path, { recursive: true }))
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(path, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

/** What cannot be read holds nothing: whether it can be written is what counts. */
async function readable<Value>(read: () => Value[] | Promise<Value[]>): Promise<Value[]> {
  try {
    return await read()
  } catch {
    return []
  }
}
