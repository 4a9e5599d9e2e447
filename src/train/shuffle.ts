import { createRandom, forkSeed } from '../random.js'

/** The rows of an epoch in an order drawn by its seed (Fisher and Yates's shuffle), which differs from epoch to epoch. */
export function shuffledRows(rows: number, seed: number, epoch: number): Uint32Array {
  const random = createRandom(forkSeed(seed, epoch + 1))
  const order = Uint32Array.from({ length: rows }, (_, i) => i)
  for (let i = rows - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
