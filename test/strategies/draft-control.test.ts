import { describe, expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { RegretBudget, type StepCosts, ThroughputControl } from '../../src/strategies/draft-control.js'

/** A pass of 8 tokens costs 1.7 of one; a drafted token a tenth. */
const COSTS: StepCosts = { pass: (tokens) => 0.9 + 0.1 * tokens, draft: (nodes) => 0.1 * nodes }
/** A first draft costs as much as a pass more. */
const COLD: StepCosts = { ...COSTS, coldStart: 1 }
const COSTLY: StepCosts = { pass: (tokens) => tokens, draft: (nodes) => nodes }

/** Whether the i-th token of a draft is right where those before it were, at a time. */
type Truth = (i: number, time: number) => number

/** Decodes `count` tokens of drafts that are chains; `size` 'control' leaves their length to the control. */
function simulate(costs: StepCosts, truth: Truth, size: 'control' | number, count = 2000) {
  const random = createRandom(3)
  const control = new ThroughputControl(costs, 16)
  const sizes: number[] = []
  let cost = 0
  let tokens = 0
  while (tokens < count) {
    const drafted = size === 'control' ? control.size : size
    const path: number[] = []
    while (path.length < drafted && random() < truth(path.length, tokens)) path.push(path.length)
    control.record(drafted, path)
    const start = (sizes.at(-1) ?? 0) > 0 ? 0 : (costs.coldStart ?? 0)
    cost += costs.pass(1 + drafted) + (drafted > 0 ? costs.draft(drafted) + start : 0)
    tokens += path.length + 1
    sizes.push(drafted)
  }
  return { rate: tokens / cost, sizes }
}

const share =
  (...probabilities: number[]): Truth =>
  (i) =>
    probabilities[Math.min(i, probabilities.length - 1)]

describe('the throughput control', () => {
  test.each([
    ['always wrong', share(0)],
    ['seldom right', share(0.1)],
    ['right once and wrong then', share(1, 0)],
    ['right until it is trusted', (_, time) => (time % 200 < 30 ? 1 : 0)],
    ['sometimes right', share(0.3)],
  ] satisfies [string, Truth][])(
    'takes hardly longer than plain decoding where drafts are %s',
    (_, truth) => {
      for (const costs of [COSTS, COLD, COSTLY]) {
        for (const count of [100, 2000]) {
          const least = 1 / (costs.pass(1) * (1.01 + 3 / count))
          expect(simulate(costs, truth, 'control', count).rate).toBeGreaterThanOrEqual(least * 0.999)
        }
      }
    },
  )

  test.each([
    ['90%', share(0.9)],
    ['70%', share(0.7)],
    ['80% and then half', share(0.8, 0.5)],
    ['all of it', share(1)],
  ])('comes near the best constant size where %s is right', (_, truth) => {
    const { rate } = simulate(COSTS, truth, 'control')
    const constant = Array.from({ length: 17 }, (_, size) => simulate(COSTS, truth, size).rate)
    expect(rate).toBeGreaterThan(0.95 * Math.max(...constant))
    // That the sizes differ is what there is to be found.
    expect(rate).toBeGreaterThan(1.3 * Math.min(...constant))
  })

  test('finds back to drafts when they become right', () => {
    const { sizes } = simulate(COSTS, (_, time) => (time < 1000 ? 0 : 0.9), 'control', 3000)
    expect(sizes.slice(900, 1000).filter((size) => size > 0).length).toBeLessThan(15)
    expect(Math.min(...sizes.slice(-50))).toBeGreaterThan(3)
  })

  test('drafts all the time where that pays, whatever the first draft costs', () => {
    const [cold, warm] = [COLD, COSTS].map((costs) => simulate(costs, share(0.8), 'control'))
    expect(cold.rate).toBeGreaterThan(0.97 * warm.rate)
    expect(cold.sizes.filter((size) => size === 0).length).toBeLessThan(10)
  })

  test('drafts nothing where a pass over two tokens takes as long as two passes', () => {
    expect(simulate(COSTLY, share(0.95), 'control').sizes.filter((size) => size > 0)).toEqual([])
  })

  test('loses no more where several take turns and none is right', () => {
    for (const count of [100, 2000]) {
      const budget = new RegretBudget(3)
      const controls = [COSTS, COLD, COSTS].map((costs) => new ThroughputControl(costs, 16, budget))
      const tried = new Set<number>()
      let cost = 0
      for (let step = 0; step < count; step++) {
        const first = controls.findIndex(({ size }) => size > 0)
        const { size = 0 } = controls[first] ?? {}
        if (size > 0) tried.add(first)
        cost += COSTS.pass(1 + size) + (size > 0 ? COSTS.draft(size) : 0)
        for (const [i, control] of controls.entries()) control.record(i === first ? size : 0, [])
      }
      expect(cost).toBeLessThan(1.01 * count + 3)
      expect(tried.size).toBeGreaterThan(1)
    }
  })

  test('loses no more of what it has gained than 20 passes, once drafts are wrong', () => {
    const control = new ThroughputControl(COSTS, 16)
    for (let step = 0; step < 500; step++) control.record(16, [...Array(16).keys()])
    let lost = 0
    for (let step = 0; step < 2000; step++) {
      // Believed to be right once more each time, as by a text that tempts again and again.
      const drafted = control.size
      lost += COSTS.pass(1 + drafted) + (drafted > 0 ? COSTS.draft(drafted) : 0) - 1.01 * COSTS.pass(1)
      control.record(drafted, [])
    }
    expect(lost).toBeLessThanOrEqual(20)
  })

  test('depends on nothing but what it is told', () => {
    expect(simulate(COSTS, share(0.6), 'control')).toEqual(simulate(COSTS, share(0.6), 'control'))
  })
})
