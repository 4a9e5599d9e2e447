import { describe, expect, test } from 'vitest'
import { distinctTails, requireComparable } from '../../src/cli/compare/reports.js'
import { differingConditions, findRegressions } from '../../src/compare/regressions.js'
import { asMarkdown, asText } from '../../src/compare/render.js'
import { comparisonWith, strategyWith } from './comparison.js'

const speed = (low: number, median: number, high: number) => ({ tokens_per_second: { low, median, high } })
const named = (...strategies: ReturnType<typeof strategyWith>[]) => comparisonWith({ strategies })

describe('a regression', () => {
  const first = { name: 'a.json', comparison: named(strategyWith('greedy', speed(90, 100, 110))) }
  const second = (...strategies: ReturnType<typeof strategyWith>[]) => ({
    name: 'b.json',
    comparison: named(...strategies),
  })

  test.each([
    ['wholly below', speed(70, 80, 89), 1],
    ['touching', speed(70, 80, 90), 0],
    ['overlapping', speed(50, 60, 95), 0],
    ['faster', speed(150, 160, 170), 0],
  ])('of speed: an interval that is %s', (_, figures, count) => {
    const found = findRegressions([first, second(strategyWith('greedy', figures))])
    expect(found).toHaveLength(count)
    if (count > 0) {
      expect(found[0]).toEqual({
        strategy: 'greedy',
        before: 'a.json',
        after: 'b.json',
        measure: 'tokens_per_second',
        from: 100,
        to: 80,
      })
    }
  })

  test('of texts: fewer that are the reference’s', () => {
    const earlier = { name: 'a.json', comparison: named(strategyWith('medusa', { identical: 1 })) }
    const later = (identical: number) => second(strategyWith('medusa', { identical }))
    expect(findRegressions([earlier, later(0.5)])).toMatchObject([{ measure: 'identical', from: 1, to: 0.5 }])
    expect(findRegressions([earlier, later(1)])).toEqual([])
    expect(findRegressions([later(0.5), earlier])).toEqual([])
  })

  test('is one against the first comparison, by names', () => {
    const slow = strategyWith('greedy', speed(70, 80, 89))
    const third = { name: 'c.json', comparison: named(slow) }
    const found = findRegressions([first, second(strategyWith('other', speed(1, 2, 3))), third])
    expect(found.map(({ before, after }) => [before, after])).toEqual([['a.json', 'c.json']])
  })

  test('is marked in the table and in Markdown', () => {
    const both = [first, second(strategyWith('greedy', speed(70, 80, 89)))]
    const text = asText(both)
    expect(text).toMatch(/^greedy +b\.json +80\.0 \[70\.0–89\.0\] +-20% .* slower$/m)
    expect(text).toContain('Regression: greedy has fallen from 100 tok/s in a.json to 80.0 in b.json.')
    expect(asMarkdown(both)).toMatch(/^\| greedy \| b\.json \| .* \| slower \|$/m)
    expect(asText([first, { ...first, name: 'c.json' }])).toContain('No regressions.')
  })
})

describe('conditions', () => {
  test('that differ are named, whatever the order of fields', () => {
    const a = comparisonWith({ settings: { top_k: 3, max_new_tokens: 4 } })
    expect(differingConditions(a, comparisonWith({ settings: { max_new_tokens: 4, top_k: 3 } }))).toEqual([])
    const other = comparisonWith({ settings: { max_new_tokens: 5 }, seed: 9 })
    expect(differingConditions(a, other)).toEqual(['settings', 'seed'])
    expect(asText([a, other].map((comparison, i) => ({ name: `${i}.json`, comparison })))).toContain(
      '1.json differs from 0.json in settings, seed.',
    )
  })

  test('do not hang on where the model lies', () => {
    const { model } = comparisonWith({})
    const moved = comparisonWith({ model: { ...model, name: 'elsewhere' } })
    expect(differingConditions(comparisonWith({}), moved)).toEqual([])
    const changed = comparisonWith({ model: { ...model, fingerprint: 'other' } })
    expect(differingConditions(comparisonWith({}), changed)).toEqual(['model'])
  })
})

describe('the table of one comparison', () => {
  const long = `speculative:${'x'.repeat(80)}`
  const comparison = named(
    strategyWith('greedy', speed(9999, 10000, 10001)),
    strategyWith(long, {
      lossy: true,
      acceptance_by_depth: Array(12).fill(0.5),
      draft_time: 1,
      verify_time: 2,
      language: {
        field: 'regex',
        value: `a|b{9}\n${'[0-9]'.repeat(20)}`,
        valid: 1,
        forced: 0.996,
        mask_time: 0.0004,
      },
    }),
  )
  const text = asText([{ name: 'this run', comparison }])

  test('has a table of languages, for the strategies that are held to one', () => {
    const rows = text
      .split('\n\n')
      .find((block) => block.includes('held to'))!
      .split('\n')
      .slice(1)
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatch(/^speculative:xxx… {2}regex a\|b\{9\} \[0-9\]\S+… +100% +99% +0\.0%$/)
    expect(asMarkdown([{ name: 'this run', comparison }])).toContain(`| ${long} | regex a\\|b{9} [0-9]`)
  })

  test('fits in 80 columns', () => {
    const rows = text.split('\n\n').slice(0, -1).join('\n').split('\n')
    expect(rows.filter((row) => row.length > 80)).toEqual([])
    expect(rows.some((row) => row.startsWith('speculative:xxx') && row.includes('…  '))).toBe(true)
  })

  test('says what a reader needs to repeat it', () => {
    expect(text).toContain(`lossy, as texts are not distributed as the model's own: ${long}`)
    expect(text).toContain('seed 0')
    const markdown = asMarkdown([{ name: 'this run', comparison }])
    expect(markdown).toContain(`\`\`\`sh\n${comparison.command}\n\`\`\``)
    expect(markdown).toContain(`| ${long} |`)
  })
})

describe('comparisons of different things', () => {
  const first = { name: 'a.json', comparison: named(strategyWith('greedy', speed(90, 100, 110))) }
  const slow = named(strategyWith('greedy', { ...speed(1, 2, 3), identical: 0 }))

  test.each([
    ['model', { model: { ...slow.model, fingerprint: 'other' } }],
    ['dtype', { model: { ...slow.model, dtype: 'int4' } }],
    ['prompts', { prompts: [{ id: '1', text: 'Bye', tokens: 1 }] }],
  ])('are given no verdict: another %s', (name, fields) => {
    const other = { name: 'b.json', comparison: { ...slow, ...fields } }
    expect(findRegressions([first, other])).toEqual([])
    const text = asText([first, other])
    expect(text).toContain(`b.json is not comparable with a.json, which has another ${name}.`)
    expect(text).not.toMatch(/[Rr]egression[:s]|-98%/)
    expect(() => requireComparable([first, other])).toThrow(
      `--fail-on-regression has nothing to say of b.json, which differs from a.json in ${name}`,
    )
  })

  test('and those of one thing', () => {
    expect(() => requireComparable([first, { name: 'b.json', comparison: slow }])).not.toThrow()
  })
})

describe('runs', () => {
  test.each([
    [
      ['a.json', 'b.json'],
      ['a.json', 'b.json'],
    ],
    [
      ['/x/long/one/run.json', '/x/long/two/run.json'],
      ['one/run.json', 'two/run.json'],
    ],
    [
      ['/x/a/run.json', '/y/a/run.json', '/y/b/run.json'],
      ['x/a/run.json', 'y/a/run.json', 'y/b/run.json'],
    ],
  ])('of %j are called %j', (files, names) => {
    expect(distinctTails(files)).toEqual(names)
  })

  test('are named whole in the table', () => {
    const names = ['a', 'b'].map((start) => `${start}-${'x'.repeat(40)}.json`)
    const text = asText(names.map((name) => ({ name, comparison: comparisonWith() })))
    for (const name of names) expect(text).toMatch(new RegExp(`^greedy +${name} `, 'm'))
  })
})

test('what is missing is a dash', () => {
  const missing = comparisonWith({
    scorers: ['s'],
    strategies: [
      strategyWith('greedy', { mean_log_probability: Number.NaN, scores: { s: Number.NaN }, identical: 1 }),
    ],
  })
  const text = asText([{ name: 'this run', comparison: missing }])
  expect(text).not.toContain('NaN')
  expect(text).toMatch(/^greedy +–$/m)
})
