import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { isModelId, type ModelId, parseModelId } from './model-id.js'
import { isComplete, neededFiles } from './needed-files.js'
import { type HubSettings, hubSettings } from './settings.js'

/** The paths of one repository in the cache that Python's huggingface_hub shares. */
export class CachedRepository {
  readonly path: string
  /** Held while files are added or removed. */
  readonly lock: string

  constructor(
    readonly cacheDir: string,
    repo: string,
  ) {
    const folder = `models--${repo.replace('/', '--')}`
    this.path = join(cacheDir, folder)
    this.lock = join(cacheDir, '.locks', folder, 'pull.lock')
  }

  blob(hash: string): string {
    return join(this.path, 'blobs', hash)
  }

  ref(revision: string): string {
    return join(this.path, 'refs', revision)
  }

  snapshot(commit: string): string {
    return join(this.path, 'snapshots', commit)
  }

  /** The commit that a branch, a tag or a commit stands for here. */
  commit(revision: string): string | undefined {
    if (existsSync(this.snapshot(revision))) return revision
    const ref = this.ref(revision)
    return existsSync(ref) ? readFileSync(ref, 'utf8').trim() : undefined
  }

  /** Commit → the branches and tags that stand for it. */
  refs(): Map<string, string[]> {
    const byCommit = new Map<string, string[]>()
    for (const name of filesUnder(join(this.path, 'refs'))) {
      const commit = readFileSync(this.ref(name), 'utf8').trim()
      byCommit.set(commit, [...(byCommit.get(commit) ?? []), name])
    }
    return byCommit
  }

  commits(): string[] {
    return directories(join(this.path, 'snapshots'))
  }
}

/** A snapshot in the cache. */
export interface CachedModel {
  /** `org/name`. */
  readonly id: string
  /** Branches and tags that stand for this commit, or the commit itself. */
  readonly revisions: string[]
  readonly commit: string
  /** The snapshot's directory. */
  readonly path: string
  /** Bytes of its files; snapshots of one repository may share some. */
  readonly size: number
  /** Form of the weights, or `incomplete` when there is nothing to load. */
  readonly files: 'safetensors' | 'gguf' | 'incomplete'
  readonly lastUsed: Date
}

/**
 * What to load for a hub id without asking the hub: the snapshot's directory, or the GGUF file in it.
 *
 * @returns undefined when the model, or a part of it, is not in the cache
 * @throws UserError (2) when the id is malformed, or names several cached GGUF files
 */
export function findCached(id: string, env?: NodeJS.ProcessEnv): string | undefined {
  return findSnapshot(parseModelId(id), hubSettings(env))
}

export function findSnapshot(id: ModelId, { cacheDir }: HubSettings): string | undefined {
  const repository = new CachedRepository(cacheDir, id.repo)
  const commit = repository.commit(id.revision)
  if (commit === undefined) return undefined
  const snapshot = repository.snapshot(commit)
  const paths = filesUnder(snapshot)
  return isComplete(paths) ? loadPath(snapshot, neededFiles(id, paths)) : undefined
}

/** @param files what neededFiles chose: one GGUF file is loaded itself, all else from its directory */
export function loadPath(snapshot: string, files: readonly string[]): string {
  return files[0].endsWith('.gguf') ? join(snapshot, files[0]) : snapshot
}

/** Every model in the cache, by id; other programs' downloads too, datasets and spaces not. */
export function listCached(env?: NodeJS.ProcessEnv): CachedModel[] {
  const { cacheDir } = hubSettings(env)
  return directories(cacheDir)
    .filter((folder) => folder.startsWith('models--'))
    .map((folder) => folder.slice('models--'.length).replace('--', '/'))
    .filter(isModelId)
    .sort()
    .flatMap((repo) => describeRepository(cacheDir, repo))
}

function describeRepository(cacheDir: string, repo: string): CachedModel[] {
  const repository = new CachedRepository(cacheDir, repo)
  const refs = repository.refs()
  return repository.commits().map((commit) => {
    const path = repository.snapshot(commit)
    const files = filesUnder(path)
    const stats = files.map((file) => statSync(join(path, file)))
    return {
      id: repo,
      revisions: refs.get(commit) ?? [commit],
      commit,
      path,
      size: stats.reduce((sum, { size }) => sum + size, 0),
      files: weightsFormat(files),
      lastUsed: new Date(Math.max(statSync(path).mtimeMs, ...stats.map(({ atimeMs }) => atimeMs))),
    }
  })
}

function weightsFormat(paths: readonly string[]): CachedModel['files'] {
  if (paths.some((path) => path.endsWith('.gguf'))) return 'gguf'
  return isComplete(paths) ? 'safetensors' : 'incomplete'
}

/** Files below a directory, relative to it with `/`; links to nothing are left out. */
export function filesUnder(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(directory, path), { throwIfNoEntry: false })?.isFile())
    .map((path) => path.split(sep).join('/'))
}

/** The name of the blob that a snapshot's file links to; undefined for a plain file. */
export function blobName(file: string): string | undefined {
  try {
    return basename(readlinkSync(file))
  } catch {
    return undefined
  }
}

function directories(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
}
