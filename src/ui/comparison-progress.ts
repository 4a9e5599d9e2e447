import { SingleBar } from 'cli-progress'
import { printable } from '../printable.js'

export interface ComparisonState {
  /** Runs done so far, and of all. */
  readonly done: number
  readonly total: number
  /** What runs now. */
  readonly strategy: string
}

export interface ComparisonDisplay {
  update(state: ComparisonState): void
  stop(): void
}

/** Seconds between two lines where there is no terminal. */
const INTERVAL = 10

/**
 * Shows how far a comparison is: as a bar on a terminal, and as a line now and then elsewhere.
 * @param now seconds
 */
export function comparisonDisplay(
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = () => performance.now() / 1000,
): ComparisonDisplay {
  return stream.isTTY ? barDisplay(stream) : lineDisplay(stream, now)
}

function barDisplay(stream: NodeJS.WriteStream): ComparisonDisplay {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    format: 'Comparing {bar} {value}/{total} runs, {strategy}',
    // What is measured should not wait for the screen.
    fps: 2,
  })
  return {
    update({ done, total, strategy: name }) {
      const strategy = printable(name)
      if (bar.isActive) bar.update(done, { strategy })
      else bar.start(total, done, { strategy })
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

function lineDisplay(stream: NodeJS.WriteStream, now: () => number): ComparisonDisplay {
  let written = now()
  return {
    update({ done, total }) {
      if (now() - written < INTERVAL) return
      written = now()
      stream.write(`${done} of ${total} runs\n`)
    },
    stop() {},
  }
}
