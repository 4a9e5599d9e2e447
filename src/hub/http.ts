import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.js'
import type { ModelId } from './model-id.js'
import type { HubSettings } from './settings.js'

/** What every request of one pull shares. */
export interface Connection {
  readonly settings: HubSettings
  readonly id: ModelId
  readonly signal: AbortSignal | undefined
  readonly onNotice: ((message: string) => void) | undefined
  /** Milliseconds before the first retry; doubles with each further one. */
  readonly retryDelay: number
}

/** The hub cannot answer now, but may later: no connection, a dropped one, 408, 429 or 5xx. */
export class HubUnavailable extends UserError {
  /** @param retryAfter milliseconds that the hub asks to wait */
  constructor(
    message: string,
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(message, 1, options)
  }
}

export const RETRIES = 5
const LONGEST_WAIT_MS = 60_000

/**
 * Runs `attempt` until it succeeds, waiting between attempts for as long as the hub asks for or else twice as long
 * each time; gives up after `retries` failures in a row between which `progress` (a count of bytes) stood still.
 *
 * @throws the last error; at once when it is not HubUnavailable
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  connection: Connection,
  { retries = RETRIES, progress = () => 0 }: { retries?: number; progress?: () => number } = {},
): Promise<T> {
  let failures = 0
  let reached = progress()
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      connection.signal?.throwIfAborted()
      if (progress() > reached) failures = 0
      reached = progress()
      if (!(error instanceof HubUnavailable) || failures === retries) throw error
      const wait = Math.min(error.retryAfter ?? connection.retryDelay * 2 ** failures, LONGEST_WAIT_MS)
      failures += 1
      connection.onNotice?.(`${error.message} Trying again (${failures} of ${retries}).`)
      await sleep(wait, undefined, { signal: connection.signal })
    }
  }
}

/**
 * fetch with the user's token for the hub itself (and for no other host), following redirects.
 *
 * @returns a response with a 2xx status
 * @throws UserError that names the repository and says what to do; HubUnavailable where a retry may help
 */
export async function hubFetch(
  url: string | URL | Request,
  init: RequestInit | undefined,
  connection: Connection,
): Promise<Response> {
  const { settings, id, signal } = connection
  const target = url instanceof Request ? url.url : String(url)
  const headers = new Headers(init?.headers)
  if (settings.token && new URL(target).origin === new URL(settings.endpoint).origin) {
    headers.set('Authorization', `Bearer ${settings.token}`)
  }
  let response: Response
  try {
    response = await fetch(target, { ...init, headers })
  } catch (error) {
    signal?.throwIfAborted()
    throw unreachable(error, settings)
  }
  if (response.ok) return response
  await response.body?.cancel()
  throw statusError(response, id, settings)
}

/** hubFetch for the API: the answer has arrived whole. */
export async function apiFetch(
  url: string | URL | Request,
  init: RequestInit | undefined,
  connection: Connection,
): Promise<Response> {
  const watch = watchIdle(connection)
  try {
    const response = await hubFetch(url, { ...init, signal: watch.signal }, connection)
    const body: Uint8Array[] = []
    for await (const chunk of readBody(response, watch, connection)) body.push(chunk)
    return new Response(Buffer.concat(body), response)
  } finally {
    watch.stop()
  }
}

export interface IdleWatch {
  /** Aborts with the user's signal, or when nothing touched the watch for the connection's timeout. */
  readonly signal: AbortSignal
  touch(): void
  stop(): void
}

export function watchIdle({ signal, settings }: Connection): IdleWatch {
  // Not AbortSignal.any: with AbortSignal.timeout in it, Node 20 collects it as garbage before it aborts.
  const controller = new AbortController()
  const interrupt = () => controller.abort(signal?.reason)
  const expire = () => controller.abort(new DOMException('The hub is silent', 'TimeoutError'))
  const timer = setTimeout(expire, settings.timeout)
  signal?.addEventListener('abort', interrupt)
  if (signal?.aborted) interrupt()
  return {
    signal: controller.signal,
    touch: () => timer.refresh(),
    stop() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', interrupt)
    },
  }
}

/** @throws HubUnavailable when the connection breaks or falls silent; the reason of the user's signal */
export async function* readBody(
  response: Response,
  watch: IdleWatch,
  { signal, settings }: Connection,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      watch.touch()
      yield value
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreachable(error, settings)
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** HubUnavailable with the reason that fetch hides in its chain of causes. */
function unreachable(error: unknown, settings: HubSettings): HubUnavailable {
  const message = `The connection to ${settings.endpoint} failed (${reason(error)}): check the network and HF_ENDPOINT.`
  return new HubUnavailable(message, undefined, { cause: error })
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  if (error.cause !== undefined) return reason(error.cause)
  return (error as NodeJS.ErrnoException).code ?? error.message
}

function statusError(response: Response, id: ModelId, { endpoint, token }: HubSettings): UserError {
  const { status } = response
  const code = response.headers.get('X-Error-Code')
  if (status === 401 || status === 403) return accessError(id, endpoint, token, code)
  if (status === 404) return notFoundError(id, endpoint, code, response.url)
  if (status === 429) {
    const message = `${endpoint} limits the number of requests (429): wait some minutes, or set HF_TOKEN, and pull again.`
    return new HubUnavailable(message, retryAfter(response))
  }
  if (status >= 500 || status === 408) {
    const message = `${endpoint} has a problem (status ${status}): pull again later.`
    return new HubUnavailable(message, retryAfter(response))
  }
  return new UserError(`${endpoint} refused ${id.text} (status ${status} for ${response.url}).`)
}

/** The hub answers 401 for a private, a gated and a missing repository alike, so that it gives nothing away. */
function accessError(
  id: ModelId,
  endpoint: string,
  token: string | undefined,
  code: string | null,
): UserError {
  const page = `${endpoint}/${id.repo}`
  const login = token ? 'use an HF_TOKEN that may read it' : 'set HF_TOKEN to a token that may read it'
  if (code === 'GatedRepo')
    return new UserError(`${id.repo} is gated: accept its licence at ${page} and ${login}.`)
  return new UserError(
    `${id.repo} is private, gated or does not exist: check the name, ${login}, or accept its licence at ${page}.`,
  )
}

function notFoundError(id: ModelId, endpoint: string, code: string | null, url: string): UserError {
  if (code === 'RevisionNotFound') {
    return new UserError(
      `${id.repo} has no revision ${id.revision}: see ${endpoint}/${id.repo}/refs for those it has.`,
    )
  }
  if (code === 'EntryNotFound')
    return new UserError(`${id.repo}@${id.revision} has no file at ${url}: pull it again.`)
  return new UserError(`There is no model ${id.repo} at ${endpoint}: check its name.`)
}

/** Milliseconds; the header holds seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('Retry-After')
  if (value === null) return undefined
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0)
}
