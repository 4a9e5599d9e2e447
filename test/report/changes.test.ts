import { expect, test } from 'vitest'
import { changes } from '../../src/report/changes.js'
import type { StrategyResult } from '../../src/report/comparison.js'
import { makeComparison } from './comparison.js'

const base = makeComparison()

/** The fixture with other fields for medusa. */
const withMedusa = (fields: Partial<StrategyResult>) => ({
  ...base,
  strategies: base.strategies.map((one) => (one.name === 'medusa' ? { ...one, ...fields } : one)),
})
const at = (low: number, high: number) => ({
  tokens_per_second: { low, median: (low + high) / 2, high },
  identical: 1,
})
const medusa = (before: Partial<StrategyResult>, after: Partial<StrategyResult>) =>
  changes(withMedusa(before), withMedusa(after)).find(({ name }) => name === 'medusa')!

test.each([
  ['wholly below', [8, 9.9], 'slower'],
  ['touching from below', [8, 10], 'unchanged'],
  ['overlapping with a lower median', [8, 11], 'unchanged'],
  ['touching from above', [12, 14], 'unchanged'],
  ['wholly above', [12.1, 14], 'faster'],
] as const)('an interval that is %s is judged by both ends', (_, [low, high], speed) => {
  const change = medusa(at(10, 12), at(low, high))
  expect(change.speed).toBe(speed)
  expect(change.regression).toBe(speed === 'slower')
})

test('fewer identical texts are a regression, more are not', () => {
  expect(medusa(at(10, 12), { ...at(10, 12), identical: 0.875 })).toMatchObject({
    fewerIdentical: true,
    regression: true,
  })
  expect(medusa({ ...at(10, 12), identical: 0.875 }, at(10, 12))).toMatchObject({
    fewerIdentical: false,
    regression: false,
  })
})

test('strategies are matched by name, whatever their order, and those of one side are left out', () => {
  const [first, ...rest] = base.strategies
  const later = { ...base, strategies: [...rest.toReversed(), { ...first, name: 'new' }] }
  const found = changes(base, later)
  expect(found.map(({ name }) => name)).toEqual(rest.map(({ name }) => name))
  for (const { name, before, after } of found) expect([before.name, after.name]).toEqual([name, name])
})
