import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.js'
import { HubUnavailable, statusError, unreachable } from './answer-errors.js'
import type { HubLimits } from './limits.js'
import type { ModelId } from './model-id.js'
import type { ChooseExport } from './needed-files.js'
import type { HubSettings } from './settings.js'
import { type StartTimer, type Watch, watchConnection } from './watch.js'

/** What every request of one pull shares. */
export interface Connection {
  readonly settings: HubSettings
  readonly limits: HubLimits
  readonly id: ModelId
  readonly signal: AbortSignal | undefined
  readonly onNotice: ((message: string) => void) | undefined
  /** Milliseconds before the first retry; doubles with each further one. */
  readonly retryDelay: number
  readonly chooseExport?: ChooseExport
  readonly startTimer: StartTimer
}

export const RETRIES = 4
const LONGEST_WAIT_MS = 60_000

interface RetryOptions {
  readonly retries?: number
  /** Bytes that have arrived so far, and how many more have to for the failures before to be forgotten. */
  readonly progress?: { readonly received: () => number; readonly least: number }
  /** Whether an error is the last, though it is of the kind that a retry may help. */
  readonly isFinal?: (error: HubUnavailable) => boolean
}

/**
 * Runs `attempt` until it succeeds, waiting between attempts for as long as the hub asks for or else twice as long
 * each time; gives up after `retries` failures in a row between which there was no progress.
 *
 * @throws the last error; at once when it is not HubUnavailable
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  connection: Connection,
  { retries = RETRIES, progress, isFinal = () => false }: RetryOptions = {},
): Promise<T> {
  let failures = 0
  let reached = 0
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      connection.signal?.throwIfAborted()
      if (progress && progress.received() - reached >= progress.least) {
        failures = 0
        reached = progress.received()
      }
      if (!(error instanceof HubUnavailable) || failures === retries || isFinal(error)) throw error
      const wait = Math.min(error.retryAfter ?? connection.retryDelay * 2 ** failures, LONGEST_WAIT_MS)
      failures += 1
      connection.onNotice?.(`${error.message} Trying again (${failures} of ${retries}).`)
      await sleep(wait, undefined, { signal: connection.signal })
    }
  }
}

export function watchHub({ signal, settings, limits, startTimer }: Connection): Watch {
  return watchConnection({ signal, timeout: settings.timeout, limits, startTimer })
}

/**
 * fetch with the user's token for the hub itself (and for no other host), following redirects.
 *
 * @returns a response with a 2xx status
 * @throws UserError that names the repository and says what to do; HubUnavailable where a retry may help
 */
export async function hubFetch(
  url: string,
  headers: RequestInit['headers'],
  watch: Watch,
  connection: Connection,
): Promise<Response> {
  const { settings, id, limits } = connection
  let target = new URL(url)
  for (let redirects = 0; ; redirects++) {
    const response = await request(target, headers, watch, connection)
    watch.answered()
    if (response.ok) return response
    await response.body?.cancel()
    const location = response.status >= 300 && response.status < 400 && response.headers.get('Location')
    if (!location) throw statusError(response, id, settings)
    if (redirects === limits.redirects) {
      throw new UserError(
        `${settings.endpoint} redirects ${id.text} more than ${limits.redirects} times: check HF_ENDPOINT.`,
      )
    }
    target = redirected(target, location, settings)
  }
}

async function request(
  target: URL,
  init: RequestInit['headers'],
  { signal }: Watch,
  { settings, signal: interrupt }: Connection,
): Promise<Response> {
  const headers = new Headers(init)
  // What the hub's library adds, too, is for the hub alone.
  headers.delete('Authorization')
  if (settings.token && target.origin === new URL(settings.endpoint).origin) {
    headers.set('Authorization', `Bearer ${settings.token}`)
  }
  try {
    return await fetch(target.href, { headers, signal, redirect: 'manual' })
  } catch (error) {
    interrupt?.throwIfAborted()
    throw unreachable(error, settings)
  }
}

/** @throws UserError for an address that cannot be followed, or gives up encryption */
function redirected(from: URL, location: string, { endpoint }: HubSettings): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const isWeb = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')
  if (to && isWeb && to.username === '' && to.password === '') return to
  throw new UserError(
    `${endpoint} redirects to an address that is not followed (no web address, or one without encryption): check HF_ENDPOINT.`,
  )
}

/**
 * hubFetch for the API: the answer has arrived whole.
 * @throws UserError for one that is larger than the limit
 */
export async function apiFetch(
  url: string | URL | Request,
  init: RequestInit | undefined,
  connection: Connection,
): Promise<Response> {
  const { answerBytes } = connection.limits
  const watch = watchHub(connection)
  try {
    const target = url instanceof Request ? url.url : String(url)
    const response = await hubFetch(target, init?.headers, watch, connection)
    const body: Uint8Array[] = []
    let length = 0
    for await (const chunk of readBody(response, watch, connection)) {
      body.push(chunk)
      length += chunk.length
      if (length > answerBytes) throw tooLarge(`an answer of more than ${answerBytes} bytes`, connection)
    }
    return new Response(Buffer.concat(body), response)
  } finally {
    watch.stop()
  }
}

export function tooLarge(what: string, { settings, id }: Connection): UserError {
  return new UserError(`${settings.endpoint} gives ${what} for ${id.text}: check HF_ENDPOINT.`)
}

/** @throws HubUnavailable when the connection breaks or falls silent; the reason of the user's signal */
export async function* readBody(
  response: Response,
  watch: Watch,
  { signal, settings }: Connection,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      watch.received(value.length)
      yield value
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreachable(error, settings)
  } finally {
    await reader.cancel().catch(() => {})
  }
}
