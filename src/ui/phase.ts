/** Shows on a terminal what is being done, in one line that changes; elsewhere nothing. */
export function phaseDisplay(stream: NodeJS.WriteStream = process.stderr) {
  const clear = '\r\u001b[2K'
  return {
    update(phase: string) {
      if (stream.isTTY) stream.write(`${clear}Measuring ${phase} …`)
    },
    stop() {
      if (stream.isTTY) stream.write(clear)
    },
  }
}
