import { printable } from '../printable.js'

/** Text for a stream: as it is for a file or a pipe, printable for a terminal. */
export function printableOn(stream: object, text: string): string {
  return 'isTTY' in stream && stream.isTTY ? printable(text) : text
}

/** Writes a line of a message to stderr, wherever that leads. */
export function tell(message: string, stream: Pick<NodeJS.WritableStream, 'write'> = process.stderr): void {
  stream.write(`${printable(message)}\n`)
}
