import { SingleBar } from 'cli-progress'

export interface EvaluationState {
  /** Scored so far. */
  readonly tokens: number
  /** Their negative log-likelihood, where it is known. */
  readonly nats?: number
}

export interface EvaluationDisplay {
  update(state: EvaluationState): void
  stop(): void
}

/** Seconds between two lines where there is no terminal. */
const INTERVAL = 10

/**
 * Shows the figures of an evaluation so far: on a terminal in a line that changes, with a bar where it is known how many
 * tokens there are to be, and elsewhere in a line now and then.
 * @param now seconds
 */
export function evaluationDisplay(
  total: number | undefined,
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = () => performance.now() / 1000,
): EvaluationDisplay {
  const begun = now()
  const figures = ({ tokens, nats }: EvaluationState) => {
    const speed = Math.round(tokens / Math.max(now() - begun, 1e-3))
    const loss = nats === undefined ? '' : `${(nats / tokens).toFixed(3)} nats each, `
    return `${tokens} tokens, ${loss}${speed} tok/s`
  }
  return stream.isTTY ? barDisplay(total, stream, figures) : lineDisplay(stream, figures, now)
}

type Figures = (state: EvaluationState) => string

function barDisplay(total: number | undefined, stream: NodeJS.WriteStream, figures: Figures) {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    format: total === undefined ? 'Scoring {figures}' : 'Scoring {bar} {percentage}% {figures}',
  })
  return {
    update(state: EvaluationState) {
      const payload = { figures: figures(state) }
      if (bar.isActive) bar.update(state.tokens, payload)
      else bar.start(total ?? 0, state.tokens, payload)
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

function lineDisplay(stream: NodeJS.WriteStream, figures: Figures, now: () => number) {
  let written = now()
  return {
    update(state: EvaluationState) {
      if (now() - written < INTERVAL) return
      written = now()
      stream.write(`Scored ${figures(state)}\n`)
    },
    stop() {},
  }
}
