/** Milliseconds that a loop may keep the event loop from timers and signals. */
const MOST = 50

let last = performance.now()

/** Lets timers and signals in, where a long loop has kept them out: Ctrl-C would not be heard otherwise. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < MOST) return
  await new Promise((resolve) => setImmediate(resolve))
  last = performance.now()
}
