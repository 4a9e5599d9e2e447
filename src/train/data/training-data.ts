import type { MicroBatch } from '../micro-batch.js'

/** Rows of tokens, or pairs of them, that can be read in any order. */
export interface TrainingData {
  /** How many there are. */
  readonly rows: number
  /** @param rows their indices, from 0 */
  read(rows: readonly number[]): Promise<MicroBatch>
}

export interface HeldOutData extends TrainingData {
  /** Of its text, for bits per byte. */
  readonly bytesPerToken: number
}

/** All held-out rows; the last micro-batch is filled up with rows that do not count. */
export async function* heldOutBatches(heldOut: TrainingData, microBatch: number): AsyncGenerator<MicroBatch> {
  for (let from = 0; from < heldOut.rows; from += microBatch) {
    const wanted = Math.min(microBatch, heldOut.rows - from)
    const batch = await heldOut.read(
      Array.from({ length: microBatch }, (_, i) => from + (i < wanted ? i : 0)),
    )
    batch.weights.fill(0, (wanted / microBatch) * batch.weights.length)
    yield batch
  }
}
