import { SingleBar } from 'cli-progress'
import { printable } from '../printable.js'
import { formatBytes } from './format.js'
import { tell } from './printable.js'

/** Bytes over all files of a transfer. */
export interface TransferState {
  readonly file: string
  readonly received: number
  readonly total: number
}

export interface TransferDisplay {
  update(state: TransferState): void
  /** Prints a line without tearing the bar. */
  notice(message: string): void
  stop(): void
}

/** Shows a transfer as a bar on a terminal, and as one line per file elsewhere. */
export function transferDisplay(
  stream: NodeJS.WriteStream = process.stderr,
  verb = 'Pulling',
): TransferDisplay {
  return stream.isTTY ? barDisplay(stream, verb) : lineDisplay(stream, verb)
}

function barDisplay(stream: NodeJS.WriteStream, verb: string): TransferDisplay {
  const bar = new SingleBar({
    stream,
    // The command ends on Ctrl-C, and stops the bar itself.
    gracefulExit: false,
    clearOnComplete: true,
    hideCursor: true,
    etaBuffer: 50,
    format: `${verb} {bar} {percentage}% {received}/{size} {eta_formatted} {file}`,
  })
  const stop = () => {
    if (bar.isActive) bar.stop()
  }
  return {
    update({ file, received, total }) {
      const payload = { file: printable(file), received: formatBytes(received), size: formatBytes(total) }
      if (bar.isActive) bar.update(received, payload)
      else bar.start(total, received, payload)
    },
    notice(message) {
      stop()
      tell(message, stream)
    },
    stop,
  }
}

function lineDisplay(stream: NodeJS.WriteStream, verb: string): TransferDisplay {
  let current: string | undefined
  return {
    update({ file, received, total }) {
      if (file === current) return
      current = file
      tell(`${verb} ${file} (${formatBytes(received)} of ${formatBytes(total)})`, stream)
    },
    notice(message) {
      tell(message, stream)
    },
    stop: () => {},
  }
}
