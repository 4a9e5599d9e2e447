import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { makeDirectory, systemReason } from '../files.js'
import { withLock } from '../lock.js'
import type { QuantisedLinear } from '../models/decoder/layers.js'
import type { InitializerData } from '../onnx/graph.js'

/** What the files of an entry have to be, so that a damaged one is built again instead of loaded. */
interface Manifest {
  /** SHA-256 of the graph, hexadecimal. */
  readonly graph: string
  /** Bytes of the weights; to hash them would take longer than to load them. */
  readonly weights: number
  readonly parameters: WrittenParameters
}

/** Where the parameters lie in the weight file, by name. */
export interface WrittenParameters {
  readonly plain: Readonly<Record<string, InitializerData>>
  readonly transposed: Readonly<Record<string, InitializerData>>
  readonly quantised: Readonly<Record<string, QuantisedLinear>>
}

/** An entry that is there and whole; its graph has no early exits. */
export interface Entry {
  readonly graph: Uint8Array
  readonly parameters: WrittenParameters
}

export const WEIGHT_FILE = 'weights.bin'
const GRAPH_FILE = 'graph.onnx'
const MANIFEST_FILE = 'entry.json'
/** How the name of an entry ends that is being written. */
const UNFINISHED = '.tmp'

export async function readEntry(entry: string): Promise<Entry | undefined> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(join(entry, MANIFEST_FILE), 'utf8'))
    const graph = await readFile(join(entry, GRAPH_FILE))
    const { size } = await stat(join(entry, WEIGHT_FILE))
    const whole = sha256(graph) === manifest.graph && size === manifest.weights
    return whole ? { graph, parameters: manifest.parameters } : undefined
  } catch {
    // Whatever cannot be read is built again, and what then fails says why.
    return undefined
  }
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/**
 * Writes an entry of the cache beside its place and moves it there when it is whole. A lock of its own says that what is
 * not whole yet is being written; another process that builds the same entry writes one more.
 * @param write writes the weight file into a directory
 * @throws UserError where the cache cannot be written, leaving nothing behind
 */
export async function keepEntry(
  entry: string,
  write: (directory: string) => Promise<Entry>,
  signal?: AbortSignal,
): Promise<Entry> {
  const temporary = `${entry}.${randomUUID()}${UNFINISHED}`
  const root = dirname(entry)
  const kept = new AbortController()
  const swept = removeAbandoned(root, kept.signal)
  try {
    return await withLock(`${temporary}.lock`, async (lock) => {
      try {
        await makeDirectory(temporary)
        const made = await write(temporary)
        await writeManifest(temporary, made)
        lock.assertHeld()
        await withLock(`${entry}.lock`, () => moveIntoPlace(temporary, entry), { signal })
        return made
      } catch (error) {
        // What another process has taken for abandoned and removed is no fault of the disk.
        lock.assertHeld()
        throw error
      } finally {
        // Where it cannot be removed it could not be made either, and the reason is on its way.
        await rm(temporary, { recursive: true, force: true }).catch(() => {})
      }
    })
  } catch (error) {
    throw cacheError(error, root)
  } finally {
    kept.abort()
    await swept
  }
}

async function writeManifest(directory: string, { graph, parameters }: Entry): Promise<void> {
  const { size } = await stat(join(directory, WEIGHT_FILE))
  const manifest: Manifest = { graph: sha256(graph), weights: size, parameters }
  await writeFile(join(directory, GRAPH_FILE), graph)
  await writeFile(join(directory, MANIFEST_FILE), JSON.stringify(manifest))
}

/** Another process may have built the same entry meanwhile: then its one is as good. A damaged one is replaced. */
async function moveIntoPlace(temporary: string, entry: string): Promise<void> {
  if (await readEntry(entry)) return
  await rm(entry, { recursive: true, force: true })
  await rename(temporary, entry)
}

/**
 * Removes what processes that were killed left behind: what nobody holds the lock of. Whether one of another machine or
 * container lives takes a while to see, for which nothing waits: an entry that is written sooner is a small one.
 */
async function removeAbandoned(root: string, signal: AbortSignal): Promise<void> {
  const names = await readdir(root).catch(() => [])
  const unfinished = names.filter((name) => name.endsWith(UNFINISHED)).map((name) => join(root, name))
  await Promise.all(
    unfinished.map((path) =>
      withLock(`${path}.lock`, () => rm(path, { recursive: true, force: true }), {
        refuse: true,
        signal,
      }).catch(() => {
        // It is being written, or cannot be removed: then what is to be written cannot be either, and that is told.
      }),
    ),
  )
}

function cacheError(error: unknown, root: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new UserError(
      `The disk of the graph cache at ${root} is full: free some space, or set XDG_CACHE_HOME to another disk.`,
      1,
      { cause: error },
    )
  }
  // Of the system's errors alone the code is a string: what aborts the build passes as it is.
  if (typeof code !== 'string' || error instanceof UserError) return error
  const remedy = 'set XDG_CACHE_HOME to a directory that can be written'
  return new UserError(
    `The graph cache at ${root} cannot be written (${systemReason(error)}): ${remedy}.`,
    1,
    {
      cause: error,
    },
  )
}
