import { type Dirent, existsSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isMissing, isTemporary, unreadable } from '../files.js'
import { isCommit, isModelId, isRevision, type ModelId, parseModelId } from './model-id.js'
import {
  type ChooseExport,
  ggufFiles,
  isComplete,
  isGgufChosen,
  mayBeExport,
  neededFiles,
  wholeFiles,
} from './needed-files.js'
import { type HubSettings, hubSettings } from './settings.js'
import { readSmallFile, readSmallObject } from './small-file.js'

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

  /** The commit that a branch, a tag or a commit stands for here; what a damaged ref holds is none. */
  commit(revision: string): string | undefined {
    if (isCommit(revision) && existsSync(this.snapshot(revision))) return revision
    const commit = readSmallFile(this.ref(revision))
    return isCommit(commit) ? commit : undefined
  }

  /** Commit → the branches and tags that stand for it. */
  refs(): Map<string, string[]> {
    const byCommit = new Map<string, string[]>()
    for (const name of filesUnder(join(this.path, 'refs')).filter(isRef)) {
      const commit = this.commit(name)
      if (commit !== undefined) byCommit.set(commit, [...(byCommit.get(commit) ?? []), name])
    }
    return byCommit
  }

  /** Those that the cache has a snapshot of. */
  commits(): string[] {
    return entriesOf(join(this.path, 'snapshots'))
      .filter((entry) => entry.isDirectory() && isRevision(entry.name))
      .map(({ name }) => name)
  }

  /** The name of the blob that a file of a snapshot links to; undefined for what is no such link. */
  blobOf(file: string): string | undefined {
    const target = linkTarget(file)
    if (target === undefined) return undefined
    const name = basename(target)
    const directory = realPath(dirname(resolve(dirname(file), target)))
    return directory !== undefined && directory === realPath(this.blob('.')) ? name : undefined
  }
}

/** What a process that was killed had begun to write is no ref. */
function isRef(name: string): boolean {
  return isRevision(name) && !isTemporary(name)
}

const linkTarget = optional((path) => readlinkSync(path))
const realPath = optional((path) => realpathSync(path))
const entryStats = optional((path) => statSync(path))

/** A call of the system that gives nothing where it fails: for want of a file, for a file that is no link, for a circle. */
function optional<Result>(call: (path: string) => Result): (path: string) => Result | undefined {
  return (path) => {
    try {
      return call(path)
    } catch {
      return undefined
    }
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
  readonly files: 'safetensors' | 'gguf' | 'onnx' | 'incomplete'
  readonly lastUsed: Date
}

/**
 * What to load for a hub id without asking the hub: the snapshot's directory, or the GGUF file in it.
 *
 * @returns undefined when the model, or a part of it, is not in the cache
 * @throws UserError (2) when the id is malformed, or names several cached GGUF files
 */
export function findCached(
  id: string,
  env?: NodeJS.ProcessEnv,
  chooseExport?: ChooseExport,
): string | undefined {
  return findSnapshot(parseModelId(id), hubSettings(env), chooseExport)
}

export function findSnapshot(
  id: ModelId,
  { cacheDir }: HubSettings,
  chooseExport?: ChooseExport,
): string | undefined {
  const repository = new CachedRepository(cacheDir, id.repo)
  const commit = repository.commit(id.revision)
  if (commit === undefined) return undefined
  const snapshot = repository.snapshot(commit)
  const paths = wholeFiles(filesUnder(snapshot))
  if (chooseExport && mayBeExport(id, paths)) {
    const config = readSmallObject(join(snapshot, 'config.json'))
    const exported = config && chooseExport(config, paths)
    if (exported) return loadPath(snapshot, neededFiles(id, paths, exported))
  }
  if (!isComplete(paths) || (isGgufChosen(id) && ggufFiles(id, paths).length === 0)) return undefined
  return loadPath(snapshot, neededFiles(id, paths))
}

/** @param files what neededFiles chose: one GGUF file is loaded itself, by its first part, all else from its directory */
export function loadPath(snapshot: string, files: readonly string[]): string {
  return /\.gguf$/i.test(files[0]) ? join(snapshot, files[0]) : snapshot
}

/** Every model in the cache, by id; other programs' downloads too, datasets and spaces not. */
export function listCached(env?: NodeJS.ProcessEnv): CachedModel[] {
  const { cacheDir } = hubSettings(env)
  return entriesOf(cacheDir)
    .filter((entry) => entry.name.startsWith('models--'))
    .map(({ name }) => name.slice('models--'.length).replace('--', '/'))
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
    // A file may go while the list is made.
    const stats = [path, ...files.map((file) => join(path, file))].flatMap((each) => entryStats(each) ?? [])
    return {
      id: repo,
      revisions: refs.get(commit) ?? [commit],
      commit,
      path,
      size: stats.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0),
      files: weightsFormat(files),
      lastUsed: new Date(
        stats.reduce((latest, each) => Math.max(latest, each.isFile() ? each.atimeMs : each.mtimeMs), 0),
      ),
    }
  })
}

function weightsFormat(paths: readonly string[]): CachedModel['files'] {
  if (wholeFiles(paths).some((path) => /\.gguf$/i.test(path))) return 'gguf'
  if (isComplete(paths)) return 'safetensors'
  return mayBeExport({ file: undefined, quantisation: undefined }, paths) ? 'onnx' : 'incomplete'
}

/**
 * Files below a directory, relative to it with `/`, and links to files; links to nothing are left out, and links to
 * directories not followed, which may lead anywhere, and in a circle.
 */
export function filesUnder(directory: string, parent = ''): string[] {
  return entriesOf(join(directory, parent)).flatMap((entry) => {
    const path = parent ? `${parent}/${entry.name}` : entry.name
    if (entry.isDirectory()) return filesUnder(directory, path)
    return isFile(join(directory, path)) ? [path] : []
  })
}

export function isDirectory(path: string): boolean {
  return entryStats(path)?.isDirectory() === true
}

function isFile(path: string): boolean {
  return entryStats(path)?.isFile() === true
}

/** None where there is no such directory. @throws UserError where it cannot be read */
function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw unreadable(path, error)
  }
}
