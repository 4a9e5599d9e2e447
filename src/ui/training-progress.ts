import { SingleBar } from 'cli-progress'
import { formatDuration } from './format.js'

export interface TrainingState {
  /** Steps done. */
  readonly step: number
  readonly steps: number
  /** Of the step, nats per token. */
  readonly loss: number
  readonly tokensPerStep: number
  readonly tokensPerSecond: number
}

export interface TrainingDisplay {
  update(state: TrainingState): void
  /** @param loss on held-out text after a step, nats per token */
  heldOut(step: number, loss: number): void
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
  return stream.isTTY ? barDisplay(stream) : lineDisplay(stream, now)
}

function barDisplay(stream: NodeJS.WriteStream): TrainingDisplay {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    format: 'Training {bar} {value}/{total} {figures}{heldOut}',
  })
  const figures = runningFigures()
  return {
    update(state) {
      const payload = { figures: figures(state) }
      if (bar.isActive) bar.update(state.step, payload)
      else bar.start(state.steps, state.step, { ...payload, heldOut: '' })
    },
    heldOut(_, loss) {
      bar.update({ heldOut: `, held-out ${loss.toFixed(3)}` })
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

function lineDisplay(stream: NodeJS.WriteStream, now: () => number): TrainingDisplay {
  const figures = runningFigures()
  let written = Number.NEGATIVE_INFINITY
  return {
    update(state) {
      const text = figures(state)
      if (state.step < state.steps && now() - written < INTERVAL) return
      written = now()
      stream.write(`Step ${state.step} of ${state.steps}: ${text}\n`)
    },
    heldOut(step, loss) {
      stream.write(`Step ${step}: held-out ${loss.toFixed(3)}\n`)
    },
    stop: () => {},
  }
}

/** Loss and speed vary from step to step; what is shown are their running means. */
function runningFigures(): (state: TrainingState) => string {
  let loss: number | undefined
  let speed: number | undefined
  const mean = (old: number | undefined, value: number) =>
    old === undefined ? value : old + NEWEST * (value - old)
  return (state) => {
    loss = mean(loss, state.loss)
    speed = mean(speed, state.tokensPerSecond)
    const left = formatDuration(((state.steps - state.step) * state.tokensPerStep) / speed)
    return `loss ${loss.toFixed(3)}, ${Math.round(speed)} tok/s, ${left} left`
  }
}
