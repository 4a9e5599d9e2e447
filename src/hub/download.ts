import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { UserError } from '../errors.js'
import { HubUnavailable } from './answer-errors.js'
import { type Connection, hubFetch, readBody, watchHub, withRetries } from './http.js'
import { MOST_PROGRESS } from './limits.js'

/** A file as the hub's tree listing describes it. */
export interface RemoteFile {
  /** Relative to the repository's root. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Names its blob: 64 hex digits are the content's SHA-256 (LFS), 40 are git's SHA-1 of the blob. */
  readonly hash: string
}

/** The error of a file that is of no use, whatever comes after its first `bytes`, which are on disk. */
export type FaultOf = (file: RemoteFile, handle: FileHandle, bytes: number) => UserError | undefined

/** Bytes after which a file's beginning is looked at; then again whenever there are twice as many. */
const FIRST_LOOK = 64 * 2 ** 10

/**
 * Downloads one file to `blobPath`, which appears only when the content is whole and has the right hash. Until then
 * it grows in `${blobPath}.incomplete`, which a later call continues, as does this one when the connection drops.
 *
 * @param onBytes called with the bytes of this file that are on disk
 * @throws UserError when the hub refuses or stays unavailable, or sends other content than it announced; what `faultOf` gives
 */
export async function downloadBlob(
  url: string,
  file: RemoteFile,
  blobPath: string,
  connection: Connection,
  onBytes: (received: number) => void,
  faultOf: FaultOf = () => undefined,
): Promise<void> {
  const partial = `${blobPath}.incomplete`
  const handle = await open(partial, 'a+')
  let fault: UserError | undefined
  try {
    let received = 0
    let nextLook = Math.min(FIRST_LOOK, file.size)
    const attempt = () =>
      continueDownload(url, file, handle, connection, (bytes) => {
        received = bytes
        onBytes(bytes)
        if (bytes < nextLook) return
        nextLook = 2 * bytes
        fault = faultOf(file, handle, bytes)
        if (fault) throw fault
      })
    const least = Math.max(1, Math.min(connection.limits.progress * file.size, MOST_PROGRESS))
    await withRetries(attempt, connection, { progress: { received: () => received, least } })
    await handle.datasync()
  } finally {
    await handle.close()
    if (fault) await rm(partial)
  }
  await verify(partial, file)
  await rename(partial, blobPath)
}

/** Appends what is missing in one request; a server that ignores the range starts the file over. */
async function continueDownload(
  url: string,
  file: RemoteFile,
  handle: FileHandle,
  connection: Connection,
  onBytes: (received: number) => void,
): Promise<void> {
  let { size: received } = await handle.stat()
  if (received > file.size) {
    await handle.truncate(0)
    received = 0
  }
  onBytes(received)
  if (received === file.size) return
  const range: Record<string, string> = received > 0 ? { Range: `bytes=${received}-` } : {}
  const watch = watchHub(connection)
  try {
    // Compressed, a range would count other bytes than the file's.
    const headers = { 'Accept-Encoding': 'identity', ...range }
    const response = await hubFetch(url, headers, watch, connection)
    if (received > 0 && response.status !== 206) {
      await handle.truncate(0)
      received = 0
    }
    refuseOtherSize(response, received, file)
    for await (const chunk of readBody(response, watch, connection)) {
      if (received + chunk.length > file.size) throw otherSize(file)
      await handle.appendFile(chunk)
      received += chunk.length
      onBytes(received)
    }
  } finally {
    watch.stop()
  }
  if (received < file.size) throw new HubUnavailable(`The connection ended within ${file.path}.`)
}

/** @throws UserError for an answer that says of itself that it is not the rest of the file, before anything is kept of it */
function refuseOtherSize({ status, headers }: Response, received: number, file: RemoteFile): void {
  const [, start, whole] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('Content-Range') ?? '') ?? []
  if (status === 206 && start !== undefined && Number(start) !== received) throw otherSize(file)
  const length = headers.get('Content-Length')
  const total = whole ?? (length === null ? undefined : Number(length) + received)
  if (total !== undefined && !headers.has('Content-Encoding') && Number(total) !== file.size)
    throw otherSize(file)
}

function otherSize({ path, size }: RemoteFile): UserError {
  return new UserError(
    `${path} does not have the ${size} bytes that the hub announced: pull again later, or check HF_ENDPOINT.`,
  )
}

/** Reads back what the disk holds, so that a damaged earlier part is found too. */
async function verify(path: string, file: RemoteFile): Promise<void> {
  const hash =
    file.hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  if (hash.digest('hex') === file.hash) return
  await rm(path)
  throw new UserError(
    `${file.path} arrived damaged (its checksum is not the one that the hub announced) and was deleted: pull it again.`,
  )
}
