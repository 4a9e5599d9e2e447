import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { initialWeights } from '../../src/train/initialise.js'
import { type BuildObjective, type Mean, nextToken } from '../../src/train/objective.js'
import { train } from '../../src/train/train.js'
import { Trainer } from '../../src/train/trainer.js'
import { countingData, LENGTH, tinyOptimiser, tinyRun, tinySpec } from './tiny.js'

/** A mean over the rows that have a token that counts. */
const overRows: Mean = {
  over: 'row',
  weight: (batches) =>
    batches.reduce((sum, { rows, length, weights }) => {
      const counts = (row: number) =>
        weights.subarray(row * length, (row + 1) * length).some((each) => each > 0)
      return sum + Array.from({ length: rows }, (_, row) => row).filter(counts).length
    }, 0),
}
/** The sum of a row's losses over a constant, as Dr. GRPO divides. */
const overConstant: Mean = {
  over: 'row',
  weight: (batches) => batches.reduce((sum, { rows }) => sum + 7 * rows, 0),
}

const by =
  (mean: Mean): BuildObjective =>
  (shape) => ({ ...nextToken(tinySpec)(shape), mean, textLoss: undefined })

/** Losses of steps on eight rows, in micro-batches of so many. */
async function losses(build: BuildObjective, rows: number): Promise<number[]> {
  const weights = initialWeights(tinySpec, 3)
  const shape = { batch: rows, length: LENGTH }
  const trainer = await Trainer.create(build, { device: 'cpu', shape, weights, optimiser: tinyOptimiser })
  const found: number[] = []
  for (let step = 0; step < 4; step++) {
    const batches = await Promise.all(
      Array.from({ length: 8 / rows }, (_, i) =>
        countingData.read(Array.from({ length: rows }, (_, j) => i * rows + j)),
      ),
    )
    found.push((await trainer.step(batches)).loss)
  }
  await trainer.dispose()
  return found
}

describe('the mean of a loss', () => {
  test.each([
    ['rows', overRows, LENGTH],
    ['a constant', overConstant, LENGTH / 7],
  ])('over %s is the same in one micro-batch and in four', async (_, mean, ratio) => {
    const [whole, parts] = [await losses(by(mean), 8), await losses(by(mean), 2)]
    for (const [i, loss] of whole.entries()) expect(parts[i]).toBeCloseTo(loss, 4)
    const [perToken] = await losses(nextToken(tinySpec), 8)
    expect(whole[0]).toBeCloseTo(ratio * perToken, 4)
  })

  test('is what the log and its curve tell, and is no cross-entropy of the text unless the objective says so', async () => {
    const output = await mkdtemp(join(tmpdir(), 'objective-'))
    try {
      const { heldOut } = await train(tinyRun(output, { build: by(overRows) }))
      expect(heldOut).not.toHaveProperty('bits_per_byte')
      expect(await readFile(join(output, 'loss.svg'), 'utf8')).toContain('loss (nats per row)')
    } finally {
      await rm(output, { recursive: true })
    }
  })

  test('counts no row with which the last micro-batch of an evaluation is filled up', async () => {
    const outputs = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'objective-'))))
    try {
      // Five held-out rows, in micro-batches of four and of one.
      const [filled, exact] = await Promise.all(
        [4, 1].map((microBatch, i) => train(tinyRun(outputs[i], { build: by(overRows), microBatch }))),
      )
      expect(filled.heldOut!.held_out_loss).toBeCloseTo(exact.heldOut!.held_out_loss, 3)
    } finally {
      for (const output of outputs) await rm(output, { recursive: true })
    }
  })
})
