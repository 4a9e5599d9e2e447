/** What an answer of the hub may cost at most, whatever it says of itself. */
export interface HubLimits {
  /** Bytes of one answer of the API, decompressed. A page of a listing has a thousand files, some hundred bytes each. */
  readonly answerBytes: number
  /** Pages of one listing. */
  readonly pages: number
  /** Files of one listing: the hub itself advises 100,000 at most. */
  readonly files: number
  /** Redirects of one request. */
  readonly redirects: number
  /** Bytes a second, counted over the connection's timeout, below which it counts as dropped. */
  readonly bytesPerSecond: number
  /** The share of a file that has to arrive for a broken transfer to count as going on. */
  readonly progress: number
}

export const HUB_LIMITS: HubLimits = {
  answerBytes: 32 * 2 ** 20,
  pages: 1000,
  files: 200_000,
  redirects: 10,
  bytesPerSecond: 1024,
  progress: 0.01,
}

/** A file counts as going on with this many bytes, however large it is. */
export const MOST_PROGRESS = 2 ** 20
