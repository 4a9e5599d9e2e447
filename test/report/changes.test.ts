import { describe, expect, test } from 'vitest'
import { asText } from '../../src/compare/render.js'
import { changes } from '../../src/report/changes.js'
import type { StrategyResult } from '../../src/report/comparison.js'
import { comparisonPage } from '../../src/report/comparison-page.js'
import { nearTies } from '../../src/report/near-ties.js'
import { comparisonWith, strategyWith } from '../compare/comparison.js'
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

describe('near-ties', () => {
  const drafted = strategyWith('lookup', { acceptance_by_depth: [0.5], identical: 0.5 })
  const comparison = (dtype: string, ...more: ReturnType<typeof strategyWith>[]) =>
    comparisonWith({
      model: { ...comparisonWith().model, dtype },
      strategies: [strategyWith('greedy'), drafted, ...more],
    })

  test.each(['int8', 'int4'])('are told of in %s, by the names of those that draft', (dtype) => {
    const lossy = strategyWith('typical', { acceptance_by_depth: [1], identical: 0, lossy: true })
    const sampled = strategyWith('drawn', {
      acceptance_by_depth: [1],
      identical: 0,
      settings: { do_sample: true },
    })
    const same = strategyWith('medusa', { acceptance_by_depth: [1] })
    const beam = strategyWith('beam', { identical: 0, settings: { num_beams: 4 } })
    const sentence = nearTies(comparison(dtype, lossy, sampled, same, beam))
    expect(sentence).toMatch(new RegExp(`^${dtype}: near-ties differ for lookup, as .*--exact`))
    expect(asText([{ name: 'this run', comparison: comparison(dtype) }])).toContain(
      `${dtype}: near-ties differ for lookup`,
    )
    expect(comparisonPage([comparison(dtype)])).toContain(`${dtype}: near-ties differ for lookup`)
  })

  test('are none of texts that are held to another language than the reference', () => {
    const language = { field: 'regex', value: 'a', valid: 1, forced: 0, mask_time: 0 }
    const held = (name: string, own: object, more = {}) =>
      strategyWith(name, { ...drafted, name, language: { ...language, ...own }, ...more })
    const others = [held('b', { value: 'b' }), held('pretty', {}, { settings: { pretty: true } })]
    expect(
      nearTies({ ...comparison('int8'), strategies: [strategyWith('greedy'), ...others] }),
    ).toBeUndefined()
    const strategies = [
      held('greedy', {}, { identical: 1 }),
      held('same', {}),
      ...others,
      strategyWith('free', { ...drafted, name: 'free' }),
    ]
    expect(nearTies({ ...comparison('int8'), strategies })).toMatch(/differ for same, as/)
  })

  test('are none in float32, or where texts are the same', () => {
    expect(nearTies(comparison('fp32'))).toBeUndefined()
    expect(nearTies({ ...comparison('int4'), strategies: [strategyWith('greedy')] })).toBeUndefined()
    expect(nearTies({ ...comparison('int4'), settings: { do_sample: true } })).toBeUndefined()
  })
})
