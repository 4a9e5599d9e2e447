/** Uniform numbers in [0, 1). */
export type Rng = () => number

export function pick<T>(random: Rng, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]
}

/** A whole number from `low` to `high`, both included. */
export function whole(random: Rng, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1))
}
