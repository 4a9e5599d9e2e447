import { SingleBar } from 'cli-progress'

export interface TrainingState {
  /** Steps done. */
  readonly step: number
  readonly steps: number
  /** Of the step, nats per token. */
  readonly loss: number
  /** Of the last evaluation. */
  readonly heldOut?: number
  readonly tokensPerSecond: number
  readonly secondsLeft: number
}

export interface TrainingDisplay {
  update(state: TrainingState): void
  stop(): void
}

/** Seconds between two lines where there is no terminal. */
const INTERVAL = 10
/** How much of a shown average is the newest value. */
const NEWEST = 0.05

/** Shows how training goes: as a bar on a terminal, and as a line now and then elsewhere. */
export function trainingDisplay(
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = () => performance.now() / 1000,
): TrainingDisplay {
  const smooth = smoother()
  return stream.isTTY ? barDisplay(stream, smooth) : lineDisplay(stream, smooth, now)
}

/** Loss and speed vary from step to step; what is shown are their running means. */
function smoother(): (state: TrainingState) => TrainingState {
  let last: TrainingState | undefined
  return (state) => {
    const mean = (name: 'loss' | 'tokensPerSecond' | 'secondsLeft') =>
      last === undefined ? state[name] : last[name] + NEWEST * (state[name] - last[name])
    last = {
      ...state,
      loss: mean('loss'),
      tokensPerSecond: mean('tokensPerSecond'),
      secondsLeft: mean('secondsLeft'),
    }
    return last
  }
}

function barDisplay(
  stream: NodeJS.WriteStream,
  smooth: (state: TrainingState) => TrainingState,
): TrainingDisplay {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    format: 'Training {bar} {value}/{total} {figures}',
  })
  return {
    update(state) {
      const payload = { figures: figures(smooth(state)) }
      if (bar.isActive) bar.update(state.step, payload)
      else bar.start(state.steps, state.step, payload)
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

function lineDisplay(
  stream: NodeJS.WriteStream,
  smooth: (state: TrainingState) => TrainingState,
  now: () => number,
): TrainingDisplay {
  let written = Number.NEGATIVE_INFINITY
  return {
    update(state) {
      const shown = smooth(state)
      if (state.step < state.steps && now() - written < INTERVAL) return
      written = now()
      stream.write(`Step ${state.step} of ${state.steps}: ${figures(shown)}\n`)
    },
    stop: () => {},
  }
}

function figures({ loss, heldOut, tokensPerSecond, secondsLeft }: TrainingState): string {
  const evaluated = heldOut === undefined ? '' : `, held-out ${heldOut.toFixed(3)}`
  return `loss ${loss.toFixed(3)}${evaluated}, ${Math.round(tokensPerSecond)} tok/s, ${duration(secondsLeft)} left`
}

/** `1 h 05 min`, `12 min`, `40 s`. */
function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}
