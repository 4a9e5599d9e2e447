import { UserError } from '../errors.js'
import { isJsonObject } from '../json.js'
import { CachedRepository } from './cache.js'
import type { RemoteFile } from './download.js'
import { apiFetch, type Connection, tooLarge } from './http.js'
import { isCommit } from './model-id.js'
import { mayBeExport, neededFiles } from './needed-files.js'
import { readSmallObject } from './small-file.js'

/** What a repository has at a commit. */
export interface ResolvedFiles {
  readonly commit: string
  /** Those that are needed, weights last. */
  readonly files: RemoteFile[]
  /** Paths of all. */
  readonly listed: readonly string[]
}

/**
 * The commit that the revision is at now, and its files.
 * @throws UserError for an answer that is none of a hub, without end, or whose names lead out of the cache
 */
export async function resolveFiles(connection: Connection): Promise<ResolvedFiles> {
  const { id, settings, signal } = connection
  try {
    const commit = isCommit(id.revision) ? id.revision : await currentCommit(connection)
    if (isCommit(commit)) {
      const listed = await listedFiles(commit, connection)
      const files = await neededOf(listed, commit, connection)
      if (files.length > 0 && files.every(isSafe) && areApart(files))
        return { commit, files, listed: [...listed.keys()] }
    }
  } catch (error) {
    if (error instanceof UserError || signal?.aborted) throw error
    const message = `${settings.endpoint} does not answer as a hub: check HF_ENDPOINT.`
    throw new UserError(message, 1, { cause: error })
  }
  throw new UserError(`${settings.endpoint} lists ${id.text} with file names or hashes that are not valid.`)
}

// The hub's library is loaded late: a model that is in the cache is opened without it.
async function currentCommit(connection: Connection): Promise<string> {
  const { modelInfo } = await import('@huggingface/hub')
  const { repo, revision } = connection.id
  const options = { name: repo, revision, additionalFields: ['sha' as const] }
  return (await modelInfo({ ...common(connection), ...options })).sha
}

async function neededOf(
  listed: ReadonlyMap<string, RemoteFile>,
  commit: string,
  connection: Connection,
): Promise<RemoteFile[]> {
  const { id, chooseExport } = connection
  const paths = [...listed.keys()]
  const isOpen = chooseExport && mayBeExport(id, paths)
  const exported = isOpen
    ? chooseExport(await readConfig(listed.get('config.json')!, commit, connection), paths)
    : undefined
  return neededFiles(id, paths, exported).map((path) => listed.get(path)!)
}

/** What config.json says, which may be here from a pull before. */
async function readConfig(
  { hash }: RemoteFile,
  commit: string,
  connection: Connection,
): Promise<Readonly<Record<string, unknown>>> {
  const { settings, id } = connection
  const isHash = /^[0-9a-f]+$/.test(hash)
  const here = isHash && readSmallObject(new CachedRepository(settings.cacheDir, id.repo).blob(hash))
  if (here) return here
  const url = `${settings.endpoint}/${id.repo}/resolve/${commit}/config.json`
  const response = await apiFetch(url, undefined, connection)
  const config: unknown = await response.json().catch(() => undefined)
  if (isJsonObject(config)) return config
  throw new UserError(`The config.json of ${id.text} is no JSON object: choose another model.`)
}

async function listedFiles(commit: string, connection: Connection): Promise<Map<string, RemoteFile>> {
  const { listFiles } = await import('@huggingface/hub')
  const files = new Map<string, RemoteFile>()
  const repo = { type: 'model' as const, name: connection.id.repo }
  const entries = listFiles({ ...common(connection), repo, revision: commit, recursive: true })
  for await (const { type, path, size, oid, lfs } of entries) {
    if (type === 'file') files.set(String(path), { path: String(path), size, hash: String(lfs?.oid ?? oid) })
    if (files.size > connection.limits.files)
      throw tooLarge(`a listing of more than ${connection.limits.files} files`, connection)
  }
  return files
}

/** The hub's library asks for one page after the other: each address once, and not without end. */
function common(connection: Connection) {
  const { settings, limits, id } = connection
  const asked = new Set<string>()
  const bounded: typeof fetch = (url, init) => {
    const address = String(url)
    if (asked.has(address)) {
      throw new UserError(`${settings.endpoint} lists the same page of ${id.text} again: check HF_ENDPOINT.`)
    }
    asked.add(address)
    if (asked.size > limits.pages) throw tooLarge(`a listing of more than ${limits.pages} pages`, connection)
    return apiFetch(url, init, connection)
  }
  return { hubUrl: settings.endpoint, fetch: bounded }
}

/** Names become paths in the cache: none may lead out of it, on any system. */
function isSafe({ path, size, hash }: RemoteFile): boolean {
  return (
    /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) &&
    Number.isSafeInteger(size) &&
    size >= 0 &&
    path.split('/').every(isFileName)
  )
}

function isFileName(name: string): boolean {
  // Control characters, and what a drive, a stream or a pattern is written with on Windows.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name !== '' && !/^\.{1,2}$|[\x00-\x1f\x7f-\x9f\\:*?"<>|]|[. ]$/.test(name) && name.length <= 255
}

/** Whether no file takes another one's place, where case or the form of accents makes no difference, or its directory's. */
function areApart(files: readonly RemoteFile[]): boolean {
  const names = new Set(files.map(({ path }) => path.normalize('NFC').toLowerCase()))
  const parents = [...names].map((name) => name.slice(0, Math.max(name.lastIndexOf('/'), 0)))
  return names.size === files.length && parents.every((parent) => !names.has(parent))
}
