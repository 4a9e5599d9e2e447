import { existsSync, statSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { withLock } from '../lock.js'
import { blobName, CachedRepository, filesUnder } from './cache.js'
import { type ModelId, parseModelId } from './model-id.js'
import { hubSettings } from './settings.js'

export interface Removal {
  /** Commits whose snapshots were removed; empty when only a GGUF file of one was. */
  readonly commits: string[]
  /** Bytes. */
  readonly freed: number
}

/**
 * Removes a model from the cache: every revision for `org/name`, one for `org/name@revision`, one file for
 * `org/name:file.gguf`. Content that another revision still uses stays.
 *
 * @throws UserError when it is not there
 */
export async function removeCached(id: string, env?: NodeJS.ProcessEnv): Promise<Removal> {
  const { cacheDir } = hubSettings(env)
  const model = parseModelId(id)
  const repository = new CachedRepository(cacheDir, model.repo)
  return withLock(repository.lock, async () => {
    const commit = repository.commit(model.revision)
    if (!(model.file || id.includes('@')) && existsSync(repository.path)) return removeRepository(repository)
    if (commit === undefined) throw notCached(model, cacheDir)
    return model.file ? removeFile(model, model.file, commit, repository) : removeSnapshot(commit, repository)
  })
}

/** Partial downloads too. Refs go first, blobs last: whatever is still named is whole at every moment. */
async function removeRepository(repository: CachedRepository): Promise<Removal> {
  const commits = repository.commits()
  const sizes = filesUnder(repository.blob('.')).map((blob) => statSync(repository.blob(blob)).size)
  for (const part of ['refs', 'snapshots', '.']) {
    await rm(join(repository.path, part), { recursive: true, force: true })
  }
  return { commits, freed: sizes.reduce((sum, size) => sum + size, 0) }
}

async function removeSnapshot(commit: string, repository: CachedRepository): Promise<Removal> {
  if (repository.commits().length === 1) return removeRepository(repository)
  const blobs = linkedBlobs(repository.snapshot(commit))
  for (const name of repository.refs().get(commit) ?? []) await rm(repository.ref(name))
  await rm(repository.snapshot(commit), { recursive: true })
  return { commits: [commit], freed: await removeUnlinked(blobs, repository) }
}

async function removeFile(
  id: ModelId,
  file: string,
  commit: string,
  repository: CachedRepository,
): Promise<Removal> {
  const snapshot = repository.snapshot(commit)
  const files = filesUnder(snapshot)
  if (!files.includes(file)) throw notCached(id, repository.cacheDir)
  if (files.length === 1) return removeSnapshot(commit, repository)
  const path = join(snapshot, file)
  const blob = blobName(path)
  await rm(path)
  await removeEmptyParents(path, snapshot)
  return { commits: [], freed: blob ? await removeUnlinked([blob], repository) : 0 }
}

async function removeEmptyParents(path: string, root: string): Promise<void> {
  for (let parent = dirname(path); parent !== root; parent = dirname(parent)) {
    if ((await readdir(parent)).length > 0) return
    await rmdir(parent)
  }
}

/** @returns bytes freed */
async function removeUnlinked(blobs: readonly string[], repository: CachedRepository): Promise<number> {
  const linked = new Set(repository.commits().flatMap((commit) => linkedBlobs(repository.snapshot(commit))))
  let freed = 0
  for (const blob of new Set(blobs)) {
    if (linked.has(blob)) continue
    freed += statSync(repository.blob(blob)).size
    await rm(repository.blob(blob))
  }
  return freed
}

function linkedBlobs(snapshot: string): string[] {
  return filesUnder(snapshot).flatMap((file) => blobName(join(snapshot, file)) ?? [])
}

function notCached(id: ModelId, cacheDir: string): UserError {
  return new UserError(`${id.text} is not in the cache at ${cacheDir}: \`llm models list\` shows what is.`)
}
