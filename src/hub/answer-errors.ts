import { UserError } from '../errors.js'
import type { ModelId } from './model-id.js'
import type { HubSettings } from './settings.js'

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

/** There is no network, or no host of the hub's name: trying again at once is of no use. */
export class HubNotFound extends HubUnavailable {}

/** What the name service and the network say where there is no connection at all. */
const NO_NETWORK = ['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'ENETDOWN']

/** HubUnavailable with the reason that fetch hides in its chain of causes. */
export function unreachable(error: unknown, { endpoint }: HubSettings): HubUnavailable {
  const why = reason(error)
  if (NO_NETWORK.includes(why)) {
    const message = `${endpoint} cannot be found (${why}): check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use models of the cache without asking.`
    return new HubNotFound(message, undefined, { cause: error })
  }
  const message = `The connection to ${endpoint} failed (${why}): check the network and HF_ENDPOINT.`
  return new HubUnavailable(message, undefined, { cause: error })
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  if (error.cause !== undefined) return reason(error.cause)
  return (error as NodeJS.ErrnoException).code ?? error.message
}

export function statusError(response: Response, id: ModelId, { endpoint, token }: HubSettings): UserError {
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
