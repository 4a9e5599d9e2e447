import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  interpolated,
  type Measured,
  type MeasuredModel,
  measuredCost,
  passCost,
} from '../../src/generation/step-costs.js'
import { ToyModel } from '../strategies/toy-model.js'
import { temporaryDirectory } from '../weights/files.js'

let home: string
beforeEach(() => {
  home = temporaryDirectory()
  vi.stubEnv('XDG_CACHE_HOME', home)
})
const kept = () => readdirSync(join(home, 'llm/costs')).map((name) => join(home, 'llm/costs', name))

/** Something whose runs take what `time` says, by a clock of its own; it counts them. */
function clocked(time: (count: number, run: number) => number) {
  let now = 0
  let runs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const run: Measured['run'] = async (count) => {
    now += time(count, runs++)
  }
  return { run, runs: () => runs }
}

describe('a measured cost', () => {
  test('is the fastest of several runs, with lines between', async () => {
    // Every fourth run is disturbed.
    const { run } = clocked((count, i) => 10 * count + (i % 4 === 3 ? 500 : 0))
    const cost = await measuredCost({ subject: 'a', counts: [1, 2, 4], open: () => ({ run }) })
    expect([1, 2, 3, 4, 6].map(cost)).toEqual([10, 20, 30, 40, 60])
  })

  test('never falls with the count', async () => {
    const { run } = clocked((count) => (count === 2 ? 7 : 10))
    const cost = await measuredCost({ subject: 'a', counts: [1, 2], open: () => ({ run }) })
    expect([cost(1), cost(2), cost(5)]).toEqual([10, 10, 10])
  })

  test('is measured once for a subject', async () => {
    const { run, runs } = clocked((count) => 10 * count)
    let measurements = 0
    const measure = (subject: unknown) =>
      measuredCost({ subject, counts: [1, 2], open: () => ({ run }), onMeasure: () => measurements++ })
    const [first, count] = [(await measure({ dtype: 'fp32' }))(2), runs()]
    expect(count).toBeGreaterThanOrEqual(8)
    expect((await measure({ dtype: 'fp32' }))(2)).toBe(first)
    expect([runs(), measurements]).toEqual([count, 1])
    await measure({ dtype: 'int8' })
    expect(measurements).toBe(2)
    // What is damaged is measured again.
    for (const path of kept()) writeFileSync(path, '[[1, 0]]')
    await measure({ dtype: 'fp32' })
    expect(measurements).toBe(3)
  })

  test('stands where it cannot be kept', async () => {
    writeFileSync(join(home, 'llm'), 'no directory')
    const { run } = clocked((count) => count)
    expect((await measuredCost({ subject: 'a', counts: [1, 2], open: () => ({ run }) }))(2)).toBe(2)
  })
})

test('of one point there are no lines', () => {
  expect([1, 9].map(interpolated([[1, 5]]))).toEqual([5, 5])
})

test('passes of a model leave no cache behind, whatever its length', async () => {
  const model = new ToyModel()
  const measured = { model, spec: {}, dtype: 'fp32', device: 'cpu' } as unknown as MeasuredModel
  const cost = await passCost(measured, {})
  expect(cost(32)).toBeGreaterThanOrEqual(cost(1))
  expect(model.caches.size).toBe(0)
})
