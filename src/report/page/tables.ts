import { changes } from '../changes.js'
import type { Estimate } from '../comparison.js'
import { type Html, html, type Part } from './html.js'
import { swatch } from './marks.js'
import {
  COUNT,
  LOG_PROBABILITY,
  MEBIBYTES,
  type Measure,
  MILLISECONDS,
  PERCENT,
  PLAIN,
  RATIO,
  SPEED,
} from './measures.js'
import { allEntries, type Entry, type Report, type Side, scorersOf } from './sides.js'
import { type Column, numberColumn, rangeColumn, table, wordColumn } from './table.js'

/** A strategy's mark and name; a lossy one says so. */
export function strategyName({ name, style, result }: Entry): Html {
  return html`<span class="name">${swatch(style, result.lossy)}${name}${result.lossy ? html` <span class="tag">lossy</span>` : undefined}</span>`
}

/** What every row about a strategy begins with. */
function entryColumns<Row>({ sides }: Report, entry: (row: Row) => Entry): Column<Row>[] {
  const name: Column<Row> = {
    heading: 'Strategy',
    numeric: false,
    cell: (row) => ({ shown: strategyName(entry(row)), value: entry(row).name }),
  }
  return sides.length === 1 ? [name] : [name, wordColumn('Run', (row) => entry(row).side.label)]
}

interface EntryTable {
  readonly id: string
  readonly caption: Part
  readonly columns: readonly Column<Entry>[]
  readonly rows?: readonly Entry[]
}

function entryTable(report: Report, { id, caption, columns, rows = allEntries(report) }: EntryTable): Html {
  return table({
    id,
    caption,
    columns: [...entryColumns(report, (entry: Entry) => entry), ...columns],
    rows,
    strategy: ({ style }) => style,
  })
}

export function speedTable(report: Report): Html {
  const rows = allEntries(report)
  const estimate = (heading: string, measure: Measure, of: (entry: Entry) => Estimate) => [
    numberColumn(heading, measure, rows, (row) => of(row).median),
    rangeColumn('95%', { ...measure, unit: '' }, rows, (row) => [of(row).low, of(row).high]),
  ]
  const columns = [
    ...estimate('Speed', SPEED, ({ result }) => result.tokens_per_second),
    ...estimate('Ratio', RATIO, ({ result }) => result.speed_ratio),
    ...estimate('First token', MILLISECONDS, ({ result }) => result.time_to_first_token),
    numberColumn('Tokens a pass', RATIO_OF_TOKENS, rows, ({ result }) => result.tokens_per_forward),
    numberColumn('Draft', MILLISECONDS, rows, ({ result }) => result.draft_time),
    numberColumn('Verify', MILLISECONDS, rows, ({ result }) => result.verify_time),
    numberColumn('Memory', MEBIBYTES, rows, ({ result }) => result.peak_memory),
  ]
  const caption =
    'Speed, latency and memory. Medians with bootstrap intervals; draft and verify per generated token.'
  return entryTable(report, { id: 'speed-table', caption, columns })
}

const RATIO_OF_TOKENS: Measure = { unit: '', scale: 1, decimals: 2 }

export function qualityTable(report: Report): Html {
  const rows = allEntries(report)
  const distinct = [1, 2, 3].map((n, i) =>
    numberColumn(`Distinct-${n}`, LOG_PROBABILITY, rows, ({ result }) => result.distinct[i]),
  )
  const columns = [
    numberColumn('Same texts', PERCENT, rows, ({ result }) => result.identical),
    numberColumn('Log-prob.', LOG_PROBABILITY, rows, ({ result }) => result.mean_log_probability),
    ...scorersOf(report).map((name) => numberColumn(name, PLAIN, rows, ({ result }) => result.scores[name])),
    ...distinct,
    numberColumn('Repetition', PERCENT, rows, ({ result }) => result.repetition),
  ]
  const caption = html`Quality. Same texts: share that equals the reference’s. Log-prob.: mean natural log-probability of a token under the model. Distinct: different n-grams over all n-grams. Repetition: share of 4-grams that occurred before in the same output.`
  return entryTable(report, { id: 'quality-table', caption, columns })
}

export function acceptanceTable(report: Report): Html {
  const rows = allEntries(report).filter(({ result }) => (result.acceptance_by_depth ?? []).length > 0)
  const depths = Math.max(...rows.map(({ result }) => result.acceptance_by_depth!.length))
  const columns = Array.from({ length: depths }, (_, i) =>
    numberColumn(`${i + 1}`, PERCENT, rows, ({ result }) => result.acceptance_by_depth![i]),
  )
  return entryTable(report, {
    id: 'acceptance-table',
    caption: 'Acceptance by depth of the draft.',
    columns,
    rows,
  })
}

/** A row for each token, a column for each strategy. */
export function latencyTable(report: Report): Html {
  const entries = allEntries(report).filter(({ result }) => result.token_times.length > 0)
  const rows = Array.from(
    { length: Math.max(...entries.map(({ result }) => result.token_times.length)) },
    (_, i) => i,
  )
  const columns = [
    numberColumn('Token', COUNT, rows, (row) => row + 1),
    ...entries.map((entry) => ({
      ...numberColumn('', MILLISECONDS, rows, (row) => entry.result.token_times[row]),
      heading: html`${strategyName(entry)}${entry.side.label && ` ${entry.side.label}`}`,
    })),
  ]
  return table({
    id: 'latency-table',
    caption: 'Median milliseconds each token after the first took.',
    columns,
    rows,
  })
}

interface OutputRow {
  readonly entry: Entry
  readonly output: Entry['result']['outputs'][number]
}

export function outputsTable(report: Report): Html {
  const rows: OutputRow[] = allEntries(report).flatMap((entry) =>
    entry.result.outputs.map((output) => ({ entry, output })),
  )
  const range = (key: keyof OutputRow['output']['runs'][number]) => (row: OutputRow) => {
    const values = row.output.runs.map((run) => run[key])
    return [Math.min(...values), Math.max(...values)] as const
  }
  const columns: Column<OutputRow>[] = [
    wordColumn('Prompt', ({ output }) => output.id),
    ...entryColumns(report, ({ entry }: OutputRow) => entry),
    numberColumn('Tokens', COUNT, rows, ({ output }) => output.tokens),
    wordColumn('Ended by', ({ output }) => output.finish_reason),
    differsColumn,
    numberColumn('Log-prob.', LOG_PROBABILITY, rows, ({ output }) => output.mean_log_probability),
    ...scorersOf(report).map((name) => numberColumn(name, PLAIN, rows, ({ output }) => output.scores[name])),
    rangeColumn('Speed of runs', SPEED, rows, range('tokens_per_second')),
    rangeColumn('First token', MILLISECONDS, rows, range('time_to_first_token')),
  ]
  const caption =
    'Every output. Differs at: the character where its text leaves the reference’s. Runs: the least and the greatest.'
  return table({
    id: 'outputs-table',
    caption,
    columns,
    rows,
    strategy: ({ entry }) => entry.style,
    filter: 'Filter outputs',
  })
}

const differsColumn: Column<OutputRow> = {
  heading: 'Differs at',
  numeric: true,
  cell: ({ output: { differs_at } }) => ({
    shown: differs_at ?? 'same',
    value: differs_at ?? Number.MAX_SAFE_INTEGER,
  }),
}

/** What became of the strategies from one side to the next. */
export function changesTable(earlier: Side, later: Side, entries: readonly Entry[]): Html {
  const rows = changes(earlier.comparison, later.comparison)
  const entryOf = (name: string) => entries.find((entry) => entry.name === name && entry.side === later)!
  const sides = [
    { label: earlier.label, of: ({ before }: (typeof rows)[number]) => before },
    { label: later.label, of: ({ after }: (typeof rows)[number]) => after },
  ]
  const columns: Column<(typeof rows)[number]>[] = [
    {
      heading: 'Strategy',
      numeric: false,
      cell: ({ name }) => ({ shown: strategyName(entryOf(name)), value: name }),
    },
    ...sides.flatMap(({ label, of }) => [
      numberColumn(`${label}: speed`, SPEED, rows, (row) => of(row).tokens_per_second.median),
      rangeColumn('95%', { ...SPEED, unit: '' }, rows, (row) => [
        of(row).tokens_per_second.low,
        of(row).tokens_per_second.high,
      ]),
    ]),
    ...sides.map(({ label, of }) =>
      numberColumn(`${label}: same texts`, PERCENT, rows, (row) => of(row).identical),
    ),
    { heading: 'Verdict', numeric: false, cell: (row) => verdict(row) },
  ]
  const id = `changes-${later.label.toLowerCase()}`
  const caption = `From ${earlier.label} to ${later.label}. Slower or faster: the intervals of the speeds lie wholly apart.`
  return table({ id, caption, columns, rows, strategy: ({ name }) => entryOf(name).style })
}

function verdict({ speed, fewerIdentical, regression }: ReturnType<typeof changes>[number]) {
  const words = [
    ...(speed === 'unchanged' ? [] : [speed]),
    ...(fewerIdentical ? ['fewer texts the same'] : []),
  ]
  const said = words.join(', ') || 'no change'
  if (regression) return { shown: html`<strong class="bad">Regression: ${said}</strong>`, value: `0 ${said}` }
  return {
    shown: html`<span class="${speed === 'faster' ? 'good' : 'quiet'}">${said}</span>`,
    value: `1 ${said}`,
  }
}
