/** Rounds that are measured at least and at most; between the two it is the time that decides. */
export const ROUNDS = { least: 3, most: 15 }

/**
 * Runs rounds until so many seconds are over. A round measures everything once, so that what slows the machine down for a
 * while slows down all figures alike.
 * @returns how many there were
 */
export async function rounds(
  seconds: number,
  signal: AbortSignal | undefined,
  round: (index: number) => Promise<void>,
): Promise<number> {
  const end = performance.now() + 1000 * seconds
  for (let i = 0; i < ROUNDS.most; i++) {
    if (i >= ROUNDS.least && performance.now() >= end) return i
    signal?.throwIfAborted()
    await round(i)
  }
  return ROUNDS.most
}

/** Seconds that something takes. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}
