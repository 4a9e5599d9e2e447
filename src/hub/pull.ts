import { type FileHandle, link, readFile, rm, stat, statfs, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { UserError } from '../errors.js'
import { makeDirectory, writeFileWhole } from '../files.js'
import { withLock } from '../lock.js'
import { HubNotFound, HubUnavailable } from './answer-errors.js'
import { CachedRepository, findSnapshot, loadPath } from './cache.js'
import { cacheError, diskFull } from './cache-errors.js'
import { downloadBlob, type FaultOf, type RemoteFile } from './download.js'
import { type Connection, RETRIES, withRetries } from './http.js'
import { HUB_LIMITS, type HubLimits } from './limits.js'
import { resolveFiles } from './listing.js'
import { parseModelId } from './model-id.js'
import { type ChooseExport, unusableFile } from './needed-files.js'
import { hubSettings, refuseUnusable } from './settings.js'
import { type StartTimer, startTimer } from './watch.js'

/** Bytes over all files of a model, those included that were there before. */
export interface PullProgress {
  /** The file in transfer. */
  readonly file: string
  readonly received: number
  readonly total: number
}

export interface PullOptions {
  readonly onProgress?: (progress: PullProgress) => void
  /** A sentence for the user: a retry, a wait for another process, the cache used instead of the hub. */
  readonly onNotice?: (message: string) => void
  /** Stops the transfer; the next pull goes on where it stopped. */
  readonly signal?: AbortSignal
  /** Read instead of process.env. */
  readonly env?: NodeJS.ProcessEnv
  /** Milliseconds before the first retry (500); doubles with each further one. */
  readonly retryDelay?: number
  /** What the hub's answers may cost. */
  readonly limits?: Partial<HubLimits>
  /** Says where an export to ONNX is to be pulled; by default nowhere. */
  readonly chooseExport?: ChooseExport
  /** Why a GGUF file cannot be used, as a clause, as far as its first bytes tell; ends its transfer. */
  readonly faultOfGguf?: FaultOfGguf
  /** Tells when the hub has been silent for too long. */
  readonly startTimer?: StartTimer
}

/** @param handle of a file of which the first `bytes` are on disk @param path of it, for messages */
export type FaultOfGguf = (path: string, handle: FileHandle, bytes: number) => string | undefined

/**
 * Makes a hub model present in the cache and up to date. What is there already is not transferred again; offline
 * (HF_HUB_OFFLINE, or a hub that does not answer) a cached model is used as it is.
 *
 * @param id `org/name[@revision][:file.gguf or :Q4_K_M]`
 * @returns what to load: the snapshot's directory, or the GGUF file in it
 * @throws UserError, exit code 2 for a malformed id or an open choice between GGUF files; for a GGUF file that has a fault, once its
 * header is here; the signal's reason
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<string> {
  const { signal, onNotice, env, retryDelay = 500, chooseExport } = options
  const connection: Connection = {
    id: parseModelId(id),
    settings: hubSettings(env),
    limits: { ...HUB_LIMITS, ...options.limits },
    signal,
    onNotice,
    retryDelay,
    chooseExport,
    startTimer: options.startTimer ?? startTimer,
  }
  const { settings } = connection
  if (settings.offline)
    return findSnapshot(connection.id, settings, chooseExport) ?? notCachedOffline(connection)
  refuseUnusable(settings)
  try {
    return await pull(connection, options)
  } catch (error) {
    signal?.throwIfAborted()
    const cached =
      error instanceof HubUnavailable ? findSnapshot(connection.id, settings, chooseExport) : undefined
    if (cached === undefined) throw cacheError(error, settings.cacheDir)
    onNotice?.(`${(error as HubUnavailable).message} The cached copy of ${id} is used.`)
    return cached
  }
}

async function pull(
  connection: Connection,
  { onProgress, faultOfGguf }: Pick<PullOptions, 'onProgress' | 'faultOfGguf'>,
): Promise<string> {
  const { id, settings, signal, onNotice } = connection
  const repository = new CachedRepository(settings.cacheDir, id.repo)
  // With a copy at hand, a hub that is down is no reason to wait.
  const retries = repository.commit(id.revision) ? 0 : RETRIES
  const isFinal = (error: HubUnavailable) => error instanceof HubNotFound
  const { commit, files, listed } = await withRetries(() => resolveFiles(connection), connection, {
    retries,
    isFinal,
  })
  const paths = files.map(({ path }) => path)
  const result = loadPath(repository.snapshot(commit), paths)
  if (await isCurrent(id.revision, commit, files, repository)) return result
  const faultOf: FaultOf = ({ path }, handle, bytes) => {
    const fault = /\.gguf$/i.test(path) ? faultOfGguf?.(path, handle, bytes) : undefined
    return fault === undefined ? undefined : unusableFile(id, path, fault, listed)
  }
  const transfer = async () => {
    await fetchBlobs(files, commit, repository, connection, { onProgress, faultOf })
    for (const file of files) await linkBlob(file, commit, repository)
    if (id.revision !== commit) await writeRef(repository.ref(id.revision), commit)
  }
  const onWait = () =>
    onNotice?.(`Another process is changing ${id.repo} (lock ${repository.lock}): waiting for it.`)
  await withLock(repository.lock, transfer, { signal, onWait })
  return result
}

/** Whether there is nothing to do, so that a cache that may only be read serves too. */
async function isCurrent(
  revision: string,
  commit: string,
  files: readonly RemoteFile[],
  repository: CachedRepository,
): Promise<boolean> {
  if (repository.commit(revision) !== commit) return false
  const sizes = await Promise.all(files.map(({ path }) => sizeOf(join(repository.snapshot(commit), path))))
  return files.every(({ size }, i) => sizes[i] === size)
}

async function fetchBlobs(
  files: readonly RemoteFile[],
  commit: string,
  repository: CachedRepository,
  connection: Connection,
  { onProgress, faultOf }: Pick<PullOptions, 'onProgress'> & { readonly faultOf: FaultOf },
): Promise<void> {
  const { settings, id } = connection
  const missing: RemoteFile[] = []
  for (const file of files) if (!(await isPresent(file, commit, repository))) missing.push(file)
  if (missing.length === 0) return
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let before = total - missing.reduce((sum, { size }) => sum + size, 0)
  await makeDirectory(repository.blob('.'))
  await checkSpace(missing, repository)
  for (const file of missing) {
    const path = file.path.split('/').map(encodeURIComponent).join('/')
    const url = `${settings.endpoint}/${id.repo}/resolve/${commit}/${path}`
    const onBytes = (bytes: number) => onProgress?.({ file: file.path, received: before + bytes, total })
    await downloadBlob(url, file, repository.blob(file.hash), connection, onBytes, faultOf)
    before += file.size
  }
}

async function checkSpace(files: readonly RemoteFile[], repository: CachedRepository): Promise<void> {
  let needed = 0
  for (const { size, hash } of files)
    needed += size - ((await sizeOf(`${repository.blob(hash)}.incomplete`)) ?? 0)
  const { bavail, bsize } = await statfs(repository.path)
  if (needed <= bavail * bsize) return
  throw diskFull(repository.cacheDir, `${gigabytes(needed)} needed, ${gigabytes(bavail * bsize)} free`)
}

/** A snapshot of a program that makes no links has the file itself. */
async function isPresent(file: RemoteFile, commit: string, repository: CachedRepository): Promise<boolean> {
  const places = [repository.blob(file.hash), join(repository.snapshot(commit), file.path)]
  return (await Promise.all(places.map(sizeOf))).includes(file.size)
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

/** Links appear only here, when every blob of the snapshot is whole. */
async function linkBlob(file: RemoteFile, commit: string, repository: CachedRepository): Promise<void> {
  const path = join(repository.snapshot(commit), file.path)
  const blob = repository.blob(file.hash)
  if ((await sizeOf(path)) === file.size) return
  await makeDirectory(dirname(path))
  await rm(path, { force: true })
  // Where the system grants no symbolic links (Windows), a hard link does: it is made at once, too.
  await symlink(relative(dirname(path), blob), path).catch(() => link(blob, path))
}

async function writeRef(path: string, commit: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === commit) return
  await makeDirectory(dirname(path))
  await writeFileWhole(path, commit)
}

function notCachedOffline({ id, settings }: Connection): never {
  throw new UserError(
    `${id.text} is not in the cache at ${settings.cacheDir}, and HF_HUB_OFFLINE is set: unset it to pull the model.`,
  )
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
