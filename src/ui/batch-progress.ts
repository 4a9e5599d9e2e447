import { SingleBar } from 'cli-progress'
import { formatDuration } from './format.js'

export interface BatchState {
  /** Done in this run. */
  readonly rows: number
  readonly failed: number
  /** Generated in this run. */
  readonly generatedTokens: number
}

export interface BatchDisplay {
  update(state: BatchState): void
  stop(): void
}

export interface BatchTotals {
  /** Rows that were done before this run. */
  readonly resumed: number
  /** Rows to be done in this run, where that is known. */
  readonly remaining: number | undefined
}

/** Seconds between two lines where there is no terminal. */
const INTERVAL = 10

/**
 * Shows how a batch goes on: as a bar on a terminal, and as a line now and then elsewhere.
 * @param now seconds
 */
export function batchDisplay(
  totals: BatchTotals,
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = () => performance.now() / 1000,
): BatchDisplay {
  const begun = now()
  const figures = (state: BatchState) => batchFigures(state, totals.remaining, now() - begun)
  return stream.isTTY ? barDisplay(totals, stream, figures) : lineDisplay(totals, stream, figures, now)
}

type Figures = (state: BatchState) => string

/** `2 failed, 812 tok/s, 12 min left`. */
function batchFigures(state: BatchState, remaining: number | undefined, seconds: number): string {
  const { rows, failed, generatedTokens } = state
  const speed = Math.round(generatedTokens / Math.max(seconds, 1e-3))
  return [
    ...(failed > 0 ? [`${failed} failed`] : []),
    `${speed} tok/s`,
    ...(remaining !== undefined && rows > 0
      ? [`${formatDuration((seconds * (remaining - rows)) / rows)} left`]
      : []),
  ].join(', ')
}

function barDisplay({ resumed, remaining }: BatchTotals, stream: NodeJS.WriteStream, figures: Figures) {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    format:
      remaining === undefined
        ? 'Serving {value} rows, {figures}'
        : 'Serving {bar} {value}/{total} rows, {figures}',
  })
  return {
    update(state: BatchState) {
      const payload = { figures: figures(state) }
      if (bar.isActive) bar.update(resumed + state.rows, payload)
      else bar.start(resumed + (remaining ?? 0), resumed + state.rows, payload)
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

function lineDisplay(
  { resumed, remaining }: BatchTotals,
  stream: NodeJS.WriteStream,
  figures: Figures,
  now: () => number,
) {
  const total = remaining === undefined ? '' : ` of ${resumed + remaining}`
  let written = now()
  return {
    update(state: BatchState) {
      if (now() - written < INTERVAL) return
      written = now()
      stream.write(`${resumed + state.rows}${total} rows: ${figures(state)}\n`)
    },
    stop() {},
  }
}
