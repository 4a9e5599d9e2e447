import type { HubLimits } from './limits.js'

/** A timer that can be set back to its beginning. */
export interface Timer {
  refresh(): void
  stop(): void
}

/** Calls `expire` after `ms` milliseconds. */
export type StartTimer = (expire: () => void, ms: number) => Timer

export const startTimer: StartTimer = (expire, ms) => {
  const timer = setTimeout(expire, ms)
  return { refresh: () => timer.refresh(), stop: () => clearTimeout(timer) }
}

/** Ends a connection that is silent, or as good as silent. */
export interface Watch {
  /** Aborts with the user's signal, or when too little arrived within the connection's timeout. */
  readonly signal: AbortSignal
  /** The hub has answered: time begins anew. */
  answered(): void
  received(bytes: number): void
  stop(): void
}

interface WatchOptions {
  readonly signal: AbortSignal | undefined
  /** Milliseconds. */
  readonly timeout: number
  readonly limits: HubLimits
  readonly startTimer: StartTimer
}

export function watchConnection({ signal, timeout, limits, startTimer }: WatchOptions): Watch {
  // Not AbortSignal.any: with AbortSignal.timeout in it, Node 20 collects it as garbage before it aborts.
  const controller = new AbortController()
  const interrupt = () => controller.abort(signal?.reason)
  const expire = () => controller.abort(new DOMException('The hub is silent', 'TimeoutError'))
  const timer = startTimer(expire, timeout)
  const enough = Math.max(1, (limits.bytesPerSecond * timeout) / 1000)
  let since = 0
  signal?.addEventListener('abort', interrupt)
  if (signal?.aborted) interrupt()
  return {
    signal: controller.signal,
    answered() {
      since = 0
      timer.refresh()
    },
    // A byte now and then is no sign of life.
    received(bytes) {
      since += bytes
      if (since >= enough) this.answered()
    },
    stop() {
      timer.stop()
      signal?.removeEventListener('abort', interrupt)
    },
  }
}
