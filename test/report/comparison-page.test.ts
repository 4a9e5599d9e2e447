import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import type { Comparison, StrategyResult } from '../../src/report/comparison.js'
import { comparisonPage } from '../../src/report/comparison-page.js'
import { spread } from '../../src/report/page/plot.js'
import { seededRandom } from '../weights/files.js'
import { makeComparison } from './comparison.js'
import { readTable, textOf } from './page-reader.js'

const comparison = makeComparison()
const later = makeComparison({
  seed: 2,
  created: '2026-11-26T10:00:00.000Z',
  speeds: { medusa: 0.8, lookup: 1.3 },
})
const page = comparisonPage([comparison])

/** The fixture with other fields for its strategies. */
function withResults(change: (result: StrategyResult) => Partial<StrategyResult>): Comparison {
  return { ...comparison, strategies: comparison.strategies.map((one) => ({ ...one, ...change(one) })) }
}

/** Checks a number as it is shown against the one it stands for, to the decimals that are shown. */
function expectShown(text: string, value: number | null | undefined, scale = 1): void {
  if (value === null || value === undefined) {
    expect(text).toBe('–')
    return
  }
  expect(text).toMatch(/^\u2212?\d+(\.\d+)?$/)
  const decimals = text.split('.')[1]?.length ?? 0
  const number = Number(text.replace('\u2212', '-'))
  expect(Math.abs(number - value * scale)).toBeLessThanOrEqual(0.5 * 10 ** -decimals + 1e-9)
}

type Numbers = readonly (number | null | undefined)[]

/** Checks all cells but the first `words` of a table's rows against the numbers of each row, one number or a range a cell. */
function expectNumbers(id: string, words: number, expected: readonly (readonly [number, Numbers])[][]): void {
  const { rows } = readTable(page, id)
  expect(rows).toHaveLength(expected.length)
  for (const [i, row] of rows.entries()) {
    const cells = row.slice(words)
    expect(cells).toHaveLength(expected[i].length)
    for (const [j, cell] of cells.entries()) {
      const [scale, numbers] = expected[i][j]
      const shown = numbers.length === 1 ? [cell.text] : cell.text.split('–')
      expect(shown).toHaveLength(numbers.length)
      for (const [k, text] of shown.entries()) expectShown(text, numbers[k], scale)
      expect(cell.value).toBe(numbers[0] === null || numbers[0] === undefined ? undefined : `${numbers[0]}`)
    }
  }
}

const { strategies } = comparison
const drafting = strategies.filter(({ acceptance_by_depth }) => acceptance_by_depth)

describe('the numbers of the page are those of the JSON', () => {
  test('in the table of speeds', () => {
    const estimate = (scale: number, { median, low, high }: StrategyResult['tokens_per_second']) =>
      [[scale, [median]] as const, [scale, [low, high]] as const] as const
    expectNumbers(
      'speed-table',
      1,
      strategies.map((one) => [
        ...estimate(1, one.tokens_per_second),
        ...estimate(1, one.speed_ratio),
        ...estimate(1000, one.time_to_first_token),
        [1, [one.tokens_per_forward]],
        [1 / 1024 ** 2, [one.peak_memory]],
      ]),
    )
  })

  test('in the table of languages, which is there where one is named', () => {
    expect(page).not.toContain('language-table')
    expect(readTable(page, 'outputs-table').headings).not.toContain('Valid')
    const language = {
      field: 'schema',
      value: { type: 'object' },
      valid: 0.875,
      forced: 0.4,
      mask_time: 0.012,
    }
    const held = withResults(({ name, outputs }) =>
      name === 'greedy'
        ? {}
        : { language, outputs: outputs.map((output, i) => ({ ...output, valid: i > 0 })) },
    )
    const own = comparisonPage([held])
    const rows = readTable(own, 'language-table').rows.map((row) => row.map(({ text }) => text))
    expect(rows).toHaveLength(strategies.length - 1)
    const [name, ...cells] = rows[0]
    const { tokens_per_forward } = strategies.find((one) => one.name === name)!
    expect(cells).toEqual(['schema {"type":"object"}', '87.5', '40.0', tokens_per_forward.toFixed(2), '1.2'])
    const { headings, rows: outputs } = readTable(own, 'outputs-table')
    const valid = outputs.map((row) => row[headings.indexOf('Valid')].text)
    expect(new Set(valid)).toEqual(new Set(['–', 'yes', 'no']))
    expect(valid.filter((word) => word === 'no')).toHaveLength(strategies.length - 1)
    expect(own).toContain(' · not valid')
    const all = (strategies.length - 1) * comparison.prompts.length
    expect(textOf(own)).toContain(
      `Of ${all} outputs that are held to a language, ${strategies.length - 1} are not valid.`,
    )
    const whole = withResults(({ outputs }) => ({
      language,
      outputs: outputs.map((output) => ({ ...output, valid: true })),
    }))
    expect(comparisonPage([whole])).toContain('All outputs that are held to a language are valid.')
    expect(page).not.toContain('held to a language')
  })

  test('in the table of drafts', () => {
    expectNumbers(
      'draft-table',
      1,
      drafting.map((one) => [
        [1000, [one.draft_time]],
        [1000, [one.verify_time]],
        ...[0, 1, 2, 3, 4, 5].map((i) => [100, [one.acceptance_by_depth![i]]] as const),
      ]),
    )
  })

  test('in the table of qualities', () => {
    expectNumbers(
      'quality-table',
      1,
      strategies.map((one) => [
        [100, [one.identical]],
        [1, [one.mean_log_probability]],
        [1, [one.scores.judge]],
        [1, [one.scores['rouge-l']]],
        ...one.distinct.map((share) => [1, [share]] as const),
        [100, [one.repetition]],
      ]),
    )
  })

  test('in the table of latencies', () => {
    const tokens = strategies[0].token_times.map((_, i) =>
      strategies.map((one) => [1000, [one.token_times[i]]] as const),
    )
    expectNumbers('latency-table', 1, tokens)
  })

  test('in the table of outputs', () => {
    const { rows, headings } = readTable(page, 'outputs-table')
    expect(headings.slice(0, 5)).toEqual(['Prompt', 'Strategy', 'Tokens', 'Ended by', 'Differs at'])
    expect(rows).toHaveLength(48)
    for (const row of rows) {
      const cells = row.map(({ text }) => text)
      const result = strategies.find(({ name }) => name === row[1].value)!
      const output = result.outputs.find(({ id }) => id === cells[0])!
      expect(cells[3]).toBe(output.finish_reason)
      expect(cells[4]).toBe(output.differs_at === null ? 'same' : `${output.differs_at}`)
      for (const [i, value] of [
        [2, output.tokens],
        [5, output.mean_log_probability],
        [6, output.scores.judge],
        [7, output.scores['rouge-l']],
      ]) {
        expectShown(cells[i], value)
      }
      const speeds = output.runs.map(({ tokens_per_second }) => tokens_per_second)
      const [low, high] = cells[8].split('–')
      expectShown(low, Math.min(...speeds))
      expectShown(high, Math.max(...speeds))
    }
  })

  test('in the chart of speeds, beside the bars and as their lengths', () => {
    const chart = page.match(
      /<svg class="chart wide" role="img" aria-label="Tokens per second"[\s\S]*?<\/svg>/,
    )![0]
    const rows = chart.split('<g data-strategy=').slice(1)
    const sorted = strategies.toSorted((a, b) => b.tokens_per_second.median - a.tokens_per_second.median)
    const perPixel = rows.map((row, i) => {
      const [name, ...numbers] = [...row.matchAll(/<text[^>]*>([^<]*)</g)]
        .map(([, text]) => text)
        .filter((text) => text !== 'lossy')
      expect(name).toBe(sorted[i].name)
      const { median, low, high } = sorted[i].tokens_per_second
      expectShown(numbers[0], median)
      for (const [j, text] of numbers[1].split('–').entries()) expectShown(text, [low, high][j])
      expectShown(numbers[2].replace('×', ''), sorted[i].speed_ratio.median)
      return median / Number(row.match(/<rect class="bar"[^>]* width="([\d.]+)"/)![1])
    })
    for (const ratio of perPixel) expect(ratio / perPixel[0]).toBeCloseTo(1, 2)
  })

  test('and the JSON itself is in it', () => {
    const all = comparisonPage([comparison, later])
    const data = all.match(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/)![1]
    expect(JSON.parse(data)).toEqual([comparison, later])
  })
})

describe('the finding', () => {
  const finding = (...comparisons: Comparison[]) =>
    textOf(comparisonPage(comparisons).match(/<p class="finding">([\s\S]*?)<\/p>/)![1]).replaceAll(
      '\u00a0',
      ' ',
    )
  const ratio = (low: number, median = low, high = low) => ({ speed_ratio: { low, median, high } })

  test('names the fastest, and the fastest that kept the texts', () => {
    expect(finding(comparison)).toMatch(
      /^typical acceptance was 2\.1 times as fast as greedy, with \d+% of the texts the same; medusa was 1\.8 times as fast with the same texts\.$/,
    )
    const lossless = { ...comparison, strategies: strategies.filter(({ lossy }) => !lossy) }
    expect(finding(lossless)).toBe('medusa was 1.8 times as fast as greedy, with the same texts.')
  })

  test('claims no speed that chance may have made', () => {
    const uncertain = withResults(({ name }) => (name === 'greedy' ? {} : ratio(0.99, 1.5, 2)))
    expect(finding(uncertain)).toBe('No strategy was clearly faster than greedy.')
    expect(finding({ ...comparison, strategies: [strategies[0]] })).toMatch(/nothing to compare/)
  })

  test('says when none that was faster kept the texts', () => {
    const changed = withResults(({ name }) => (name === 'greedy' ? {} : { ...ratio(1.05), identical: 0.25 }))
    expect(
      finding(withResults(({ name }) => (name === 'greedy' ? {} : { ...ratio(2), identical: 0 }))),
    ).toMatch(/2\.0 times as fast as greedy, with other texts; none/)
    expect(finding(changed)).toMatch(
      /1\.05 times as fast as greedy, with 25% .*none that was faster kept every text\.$/,
    )
  })

  test('begins with what became worse', () => {
    expect(finding(comparison, comparison)).toMatch(/^No regression from A to B\. /)
    const slower = withResults(({ name, tokens_per_second: { low } }) =>
      name === 'medusa' ? { tokens_per_second: { low: low / 3, median: low / 2, high: low * 0.9 } } : {},
    )
    expect(finding(comparison, slower)).toMatch(/^One regression from A to B: medusa \(slower\)\. /)
    expect(finding(slower, comparison)).toMatch(/^No regression/)
  })
})

describe('several comparisons', () => {
  const both = comparisonPage([comparison, later])

  test('are in every table side by side, and what became worse is marked', () => {
    expect(readTable(both, 'speed-table').rows.map((row) => `${row[0].value} ${row[1].text}`)).toEqual(
      strategies.flatMap(({ name }) => [`${name} A`, `${name} B`]),
    )
    const verdicts = readTable(both, 'changes-b').rows.map((row) => [row[0].value, row[1].text])
    expect(verdicts).toContainEqual(['medusa', 'Regression: slower'])
    expect(verdicts).toContainEqual(['lookup', 'faster'])
    expect(both).toContain('>regression</text>')
    expect(comparisonPage([comparison, comparison])).not.toMatch(/Regression:|>regression</)
    expect(page).not.toContain('id="changes')
  })

  test('say in what else they differ', () => {
    const other = {
      ...comparison,
      machine: { ...comparison.machine, threads: 2 },
      settings: { max_new_tokens: 9 },
    }
    expect(comparisonPage([comparison, other])).toContain(
      'also differ in: Threads, max_new_tokens, ignore_eos, stop_strings.',
    )
    expect(comparisonPage([comparison, comparison])).not.toContain('also differ')
  })

  test('may have strategies and prompts that the others lack', () => {
    const [greedy, ...rest] = strategies
    const fewer = {
      ...comparison,
      strategies: [greedy, { ...rest[0], name: 'new' }],
      prompts: comparison.prompts.slice(1),
    }
    const { rows } = readTable(comparisonPage([comparison, fewer]), 'speed-table')
    expect(rows.map((row) => `${row[0].value} ${row[1].text}`).filter((row) => row.endsWith('B'))).toEqual([
      'greedy B',
      'new B',
    ])
  })
})

describe('texts', () => {
  const nasty = [
    '</script><script>alert(1)</script>',
    `<img src=x onerror="alert('1')"> & &amp; <!--`,
    'right \u202eto left\u202c \u05e9\u05dc\u05d5\u05dd',
    'emoji 👩‍🚀 and half of one \ud83d',
    'nul \u0000 and\r\nlines\tand tabs',
  ]
  const article = (html: string) => html.match(/<article[\s\S]*?<\/article>/)![0]

  test.each(nasty)('are escaped wherever they stand: %j', (text) => {
    const made = makeComparison({ prompts: [text], texts: { greedy: text, sample: `${text} ${text}` } })
    const hostile = {
      ...made,
      command: text,
      model: { ...made.model, name: text },
      settings: { stop_strings: [text], [text]: text },
      scorers: [text],
      strategies: made.strategies.map((one) => ({ ...one, name: one.name === 'beam' ? text : one.name })),
    }
    const html = comparisonPage([hostile])
    expect(html.match(/<script/g)).toHaveLength(2)
    expect(html.match(/<\/script/g)).toHaveLength(2)
    for (const raw of ['<img', '<!--', '\0']) expect(html).not.toContain(raw)
    const shown = textOf(article(html).match(/<p class="text" dir="auto">([\s\S]*?)<\/p>/)![1])
    expect(shown).toBe(text.replace('\0', '\ufffd').replace(/\ud83d$/, '\ufffd'))
    expect(JSON.parse(html.match(/id="data">([\s\S]*?)<\/script>/)![1])).toEqual([hostile])
  })

  test('that are equal are shown once, with all who wrote them, the reference’s first', () => {
    const texts = Object.fromEntries(strategies.map(({ name }) => [name, 'one text for all']))
    const html = article(comparisonPage([makeComparison({ texts: { ...texts, beam: 'one text for beam' } })]))
    const cards = html
      .split('<section')
      .slice(1)
      .map((card) => textOf(card))
    expect(cards).toHaveLength(2)
    for (const { name } of strategies) expect(cards[name === 'beam' ? 1 : 0]).toContain(name)
    expect(html).toContain('one text for <ins>beam</ins>')
    expect(html.match(/<ins>/g)).toHaveLength(1)
  })

  test('that are empty or leave words out say so', () => {
    const html = article(
      comparisonPage([makeComparison({ texts: { greedy: 'a b c d e', sample: 'a b d e', beam: '' } })]),
    )
    expect(html).toContain('a b <del>c</del> d e')
    expect(html).toContain('(no text)')
  })
})

describe('the page', () => {
  test('refers to nothing outside', () => {
    expect(page).not.toMatch(/https?:|url\(|@import|<link(?! rel="icon" href="data:,")| src=/)
  })

  test('is balanced', () => {
    const open: string[] = []
    const markup = page.replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, '').replace('<!doctype html>', '')
    for (const [, slash, name, own] of markup.matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name)
      else if (!own && !['meta', 'link', 'input', 'br', 'wbr'].includes(name)) open.push(name)
    }
    expect(open).toEqual([])
  })

  test('gives each strategy one colour in all charts', () => {
    const colours = new Map<string, Set<string>>()
    for (const [, colour, strategy] of page.matchAll(/<g class="(c\d)[^"]*" data-strategy="(\d+)"/g)) {
      colours.set(strategy, (colours.get(strategy) ?? new Set()).add(colour))
    }
    expect(colours.size).toBe(6)
    expect(new Set([...colours.values()].map((set) => [...set].join())).size).toBe(6)
  })

  test('says what it takes to repeat it', () => {
    const { machine, versions, model, command, created, seed } = comparison
    const told = textOf(
      page.slice(page.indexOf('id="repeat"'), page.indexOf('<script type="application/json"')),
    )
    const facts = [
      machine.cpu,
      machine.os,
      model.name,
      model.fingerprint,
      model.dtype,
      ...Object.values(versions),
    ]
    for (const fact of [...facts, command, created, '134,515,008', 'max_new_tokens', 'beam:num_beams=4']) {
      expect(told).toContain(fact)
    }
    expect(told).toMatch(new RegExp(`Seed\\s*${seed}\\s`))
  })

  test('does without what was not measured', () => {
    const bare = withResults(() => ({
      acceptance_by_depth: null,
      draft_time: null,
      verify_time: null,
      peak_memory: null,
      token_times: [],
      scores: {},
    }))
    const html = comparisonPage([{ ...bare, scorers: [] }])
    expect(html.replace(/<script[\s\S]*/, '')).not.toMatch(
      /NaN|Infinity|undefined|Acceptance by depth|Latency over time/,
    )
    expect(readTable(html, 'speed-table').rows[0].at(-1)).toEqual({ text: '–', value: undefined })
  })

  test('takes numbers that JSON had to write as null', () => {
    const none = null as unknown as number
    const empty = withResults(() => ({
      tokens_per_second: { median: none, low: none, high: none },
      speed_ratio: { median: none, low: none, high: none },
      mean_log_probability: none,
      token_times: [none],
    }))
    expect(comparisonPage([empty])).not.toMatch(/NaN|Infinity/)
  })

  test('refuses no comparison at all', () => {
    expect(() => comparisonPage([])).toThrow(UserError)
  })
})

test('labels keep apart, in order and near their places', () => {
  const places = spread([50, 52, 51, 200, 10], 15, 0, 205)
  const order = [4, 0, 2, 1, 3].map((i) => places[i])
  for (const [i, place] of order.slice(1).entries()) expect(place - order[i]).toBeGreaterThanOrEqual(15)
  expect(places[4]).toBe(10)
  expect(spread([204, 203, 205], 15, 0, 205).toSorted((a, b) => a - b)).toEqual([175, 190, 205])
})

describe('figures of every size', () => {
  const random = seededRandom(7)
  const sizes = [0, 1e-9, 1e-3, 1, 50, 1e4, 1e9, Number.NaN]
  const figure = () => sizes[Math.floor(random() * sizes.length)] * random()
  const estimate = () => ({ median: figure(), low: figure(), high: figure() })

  test('are drawn: a whisker may cross the chart, and any may be missing', () => {
    for (let i = 0; i < 150; i++) {
      const other = withResults(({ token_times, outputs }) => ({
        name: 'x'.repeat(1 + Math.floor(40 * random())) + random(),
        tokens_per_second: estimate(),
        speed_ratio: estimate(),
        time_to_first_token: estimate(),
        mean_log_probability: -figure(),
        token_times: token_times.slice(0, Math.floor(4 * random())).map(figure),
        outputs: outputs.slice(0, Math.floor(3 * random())),
      }))
      const drawn = comparisonPage([other])
      const coordinates = drawn.match(/ (?:x|y|d|width|transform)="[^"]*(?:NaN|Infinity)/)
      expect(coordinates?.[0]).toBeUndefined()
    }
  })

  test('a slow strategy with a wide interval keeps its name', () => {
    const slow = withResults(({ name }) =>
      name === 'medusa' ? { tokens_per_second: { median: 1, low: 312, high: 667 } } : {},
    )
    const named = withResults(({ name }) =>
      name === 'medusa'
        ? { name: 'sample:temperature=0.7', tokens_per_second: { median: 1, low: 312, high: 667 } }
        : {},
    )
    for (const one of [slow, named]) expect(comparisonPage([one])).toContain('against speed')
  })
})

describe('comparisons of different things', () => {
  test.each([
    ['model', { model: { ...later.model, fingerprint: 'other' } }],
    ['dtype', { model: { ...later.model, dtype: 'int4' } }],
    ['prompts', { prompts: later.prompts.map((prompt) => ({ ...prompt, text: 'Other.' })) }],
  ])('are given no verdict: another %s', (name, fields) => {
    const both = comparisonPage([comparison, { ...later, ...fields }])
    expect(textOf(both.match(/<p class="finding">([\s\S]*?)<\/p>/)![1])).toMatch(
      `A and B are not comparable, as they differ in ${name}.`,
    )
    const verdicts = readTable(both, 'changes-b').rows.map((row) => row[1].text)
    expect(new Set(verdicts)).toEqual(new Set(['not comparable']))
    expect(both).not.toMatch(/Regression:|>regression<|class="good"/)
  })
})
