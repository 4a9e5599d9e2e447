import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { initialWeights } from '../../src/train/initialise.js'
import { nextToken } from '../../src/train/objective.js'
import { Trainer } from '../../src/train/trainer.js'
import { readFixture } from './golden-run.js'
import { countingData, LENGTH, tinyOptimiser } from './tiny.js'

const ROWS = 4
const FIXTURES = readdirSync(join(import.meta.dirname, '../fixtures')).filter(
  (name) => !/-(images|bf16|f16|sharded|v4-config)$/.test(name),
)

test.each(FIXTURES)('%s learns: each operator of its graph has a gradient', async (fixture) => {
  const { spec } = await readFixture(fixture)
  const weights = initialWeights(spec, 3)
  const trainer = await Trainer.create(nextToken(spec), {
    device: 'cpu',
    shape: { batch: ROWS, length: LENGTH },
    weights,
    optimiser: tinyOptimiser,
  })
  const data = [await countingData.read([0, 1, 2, 3])]
  const losses: number[] = []
  for (let step = 0; step < 6; step++) losses.push((await trainer.step(data)).loss)
  await trainer.dispose()
  expect(losses[5]).toBeLessThan(losses[0] - 0.1)
})
