import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { UserError } from '../errors.js'
import { withLock } from '../lock.js'
import { CachedRepository, filesUnder, isDirectory } from './cache.js'
import { cacheError } from './cache-errors.js'
import { type ModelId, parseModelId } from './model-id.js'
import { ggufFiles, isGgufChosen, severalFiles } from './needed-files.js'
import { hubSettings } from './settings.js'

export interface Removal {
  /** Commits whose snapshots were removed; empty when only a GGUF file of one was. */
  readonly commits: string[]
  /** Bytes. */
  readonly freed: number
}

/**
 * Removes a model from the cache: every revision for `org/name`, one for `org/name@revision`, one GGUF file, in all its parts, for
 * `org/name:file.gguf` and `org/name:Q4_K_M`. Content that another revision still uses stays, and so does all that lies outside the cache.
 *
 * @throws UserError when it is not there, a part of it lies outside the cache, or it cannot be removed
 */
export async function removeCached(id: string, env?: NodeJS.ProcessEnv): Promise<Removal> {
  const { cacheDir } = hubSettings(env)
  const model = parseModelId(id)
  const repository = new CachedRepository(cacheDir, model.repo)
  if (!isDirectory(repository.path)) throw notCached(model, cacheDir)
  try {
    return await withLock(repository.lock, () => remove(model, repository))
  } catch (error) {
    throw cacheError(error, cacheDir)
  }
}

function remove(model: ModelId, repository: CachedRepository): Promise<Removal> {
  for (const part of ['.', 'refs', 'snapshots', 'blobs'])
    requireInside(join(repository.path, part), repository)
  const isChosen = isGgufChosen(model)
  if (!(isChosen || model.text.includes('@'))) return removeRepository(repository)
  const commit = repository.commit(model.revision)
  if (commit === undefined || !existsSync(repository.snapshot(commit))) {
    throw notCached(model, repository.cacheDir)
  }
  requireInside(repository.snapshot(commit), repository)
  return isChosen ? removeFiles(model, commit, repository) : removeSnapshot(commit, repository)
}

/** @throws UserError for a link out of the repository, whose target is not ours to remove */
function requireInside(path: string, { path: root, cacheDir }: CachedRepository): void {
  if (!existsSync(path)) return
  const inside = path === root ? realpathSync(cacheDir) : realpathSync(root)
  const real = realpathSync(path)
  if (real.startsWith(inside + sep)) return
  throw new UserError(`${path} leads to ${real}, outside the cache: remove the link by hand.`)
}

/** Partial downloads too. Refs go first, blobs last: whatever is still named is whole at every moment. */
async function removeRepository(repository: CachedRepository): Promise<Removal> {
  const commits = repository.commits()
  const freed = filesUnder(repository.blob('.')).reduce((sum, blob) => sum + sizeOf(repository.blob(blob)), 0)
  for (const part of ['refs', 'snapshots', '.']) {
    await rm(join(repository.path, part), { recursive: true, force: true })
  }
  return { commits, freed }
}

async function removeSnapshot(commit: string, repository: CachedRepository): Promise<Removal> {
  if (repository.commits().length === 1) return removeRepository(repository)
  const blobs = linkedBlobs(commit, repository)
  for (const name of repository.refs().get(commit) ?? []) await rm(repository.ref(name))
  await rm(repository.snapshot(commit), { recursive: true })
  return { commits: [commit], freed: await removeUnlinked(blobs, repository) }
}

/** One GGUF file, or all parts of a split one. */
async function removeFiles(id: ModelId, commit: string, repository: CachedRepository): Promise<Removal> {
  const snapshot = repository.snapshot(commit)
  const all = filesUnder(snapshot)
  const found = ggufFiles(id, all)
  if (found.length === 0) throw notCached(id, repository.cacheDir)
  if (found.length > 1) throw severalFiles(id, found)
  const [files] = found
  if (files.length === all.length) return removeSnapshot(commit, repository)
  const blobs = files.flatMap((file) => repository.blobOf(join(snapshot, file)) ?? [])
  for (const file of files) {
    const path = join(snapshot, file)
    await rm(path)
    await removeEmptyParents(path, snapshot)
  }
  return { commits: [], freed: await removeUnlinked(blobs, repository) }
}

async function removeEmptyParents(path: string, root: string): Promise<void> {
  for (let parent = dirname(path); parent !== root; parent = dirname(parent)) {
    if ((await readdir(parent)).length > 0) return
    await rmdir(parent)
  }
}

/** @returns bytes freed */
async function removeUnlinked(blobs: readonly string[], repository: CachedRepository): Promise<number> {
  const linked = new Set(repository.commits().flatMap((commit) => linkedBlobs(commit, repository)))
  let freed = 0
  for (const blob of new Set(blobs)) {
    if (linked.has(blob)) continue
    freed += sizeOf(repository.blob(blob))
    await rm(repository.blob(blob), { force: true })
  }
  return freed
}

function linkedBlobs(commit: string, repository: CachedRepository): string[] {
  const snapshot = repository.snapshot(commit)
  return filesUnder(snapshot).flatMap((file) => repository.blobOf(join(snapshot, file)) ?? [])
}

/** What removing it frees: of a link nothing. */
function sizeOf(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFile() ? stats.size : 0
}

function notCached(id: ModelId, cacheDir: string): UserError {
  return new UserError(`${id.text} is not in the cache at ${cacheDir}: \`llm models list\` shows what is.`)
}
