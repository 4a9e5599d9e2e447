import type { Change } from '../changes.js'
import type { Estimate } from '../comparison.js'
import { languageText } from '../language-text.js'
import { type Html, type HtmlPart, html } from './html.js'
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
  TOKENS,
} from './measures.js'
import { allEntries, type Report, type Side, type SideEntry, scorersOf } from './sides.js'
import { type Cell, type Column, numberColumn, rangeColumn, table, wordColumn } from './table.js'

/** A strategy's mark and name; a lossy one says so. */
export function strategyName({ name, style, result }: SideEntry): Html {
  return html`<span class="name">${swatch(style, result.lossy)}${name}${result.lossy ? html` <span class="tag">lossy</span>` : undefined}</span>`
}

/** What every row about a strategy begins with. */
function entryColumns<Row>({ sides }: Report, entry: (row: Row) => SideEntry): Column<Row>[] {
  const name: Column<Row> = {
    heading: 'Strategy',
    numeric: false,
    cell: (row) => ({ shown: strategyName(entry(row)), value: entry(row).name }),
  }
  return sides.length === 1 ? [name] : [name, wordColumn('In', (row) => entry(row).side.label)]
}

interface EntryTable {
  readonly id: string
  readonly caption: HtmlPart
  readonly columns: readonly Column<SideEntry>[]
  readonly rows?: readonly SideEntry[]
}

function entryTable(report: Report, { id, caption, columns, rows = allEntries(report) }: EntryTable): Html {
  return table({
    id,
    caption,
    columns: [...entryColumns(report, (entry: SideEntry) => entry), ...columns],
    rows,
    strategy: ({ style }) => style,
  })
}

/** A median and its interval. */
function estimateColumns(
  heading: string,
  measure: Measure,
  rows: readonly SideEntry[],
  of: (entry: SideEntry) => Estimate,
): Column<SideEntry>[] {
  return [
    numberColumn(heading, measure, rows, (row) => of(row).median),
    rangeColumn('95%', { ...measure, unit: '' }, rows, (row) => [of(row).low, of(row).high]),
  ]
}

export function speedTable(report: Report): Html {
  const rows = allEntries(report)
  const columns = [
    ...estimateColumns('Speed', SPEED, rows, ({ result }) => result.tokens_per_second),
    ...estimateColumns('Ratio', RATIO, rows, ({ result }) => result.speed_ratio),
    ...estimateColumns('First token', MILLISECONDS, rows, ({ result }) => result.time_to_first_token),
    numberColumn('Tokens a pass', TOKENS, rows, ({ result }) => result.tokens_per_forward),
    numberColumn('Memory', MEBIBYTES, rows, ({ result }) => result.peak_memory),
  ]
  const caption =
    'Speed, latency and memory. Medians with bootstrap intervals of 95%; memory is the largest resident size.'
  return entryTable(report, { id: 'speed-table', caption, columns })
}

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

/** What drafting brings and costs, for the strategies that draft; undefined where none does. */
export function draftTable(report: Report): Html | undefined {
  const rows = allEntries(report).filter(({ result }) => result.acceptance_by_depth !== null)
  if (rows.length === 0) return undefined
  const depths = Math.max(...rows.map(({ result }) => result.acceptance_by_depth!.length))
  const columns = [
    numberColumn('Drafting', MILLISECONDS, rows, ({ result }) => result.draft_time),
    numberColumn('Verifying', MILLISECONDS, rows, ({ result }) => result.verify_time),
    ...Array.from({ length: depths }, (_, i) =>
      numberColumn(`Depth ${i + 1}`, PERCENT, rows, ({ result }) => result.acceptance_by_depth![i]),
    ),
  ]
  const caption = 'Drafts. Time per generated token, and the share accepted at each depth.'
  return entryTable(report, { id: 'draft-table', caption, columns, rows })
}

/** Characters of a language that a table has room for; all of it is among the settings. */
const LANGUAGE = 80

/** What languages brought and cost, for the strategies that are held to one; undefined where none is. */
export function languageTable(report: Report): Html | undefined {
  const rows = allEntries(report).filter(({ result }) => result.language !== null)
  if (rows.length === 0) return undefined
  const columns = [
    wordColumn('Held to', ({ result }: SideEntry) => languageText(result.language!, LANGUAGE)),
    numberColumn('Valid', PERCENT, rows, ({ result }) => result.language!.valid),
    numberColumn('Forced tokens', PERCENT, rows, ({ result }) => result.language!.forced),
    numberColumn('Tokens a pass', TOKENS, rows, ({ result }) => result.tokens_per_forward),
    numberColumn('Masks', PERCENT, rows, ({ result }) => result.language!.mask_time),
  ]
  const caption =
    'Languages. Valid: share of outputs that are of the language, and complete. Forced tokens: share that took no pass, drafted as the only way to go on. Masks: share of the time.'
  return entryTable(report, { id: 'language-table', caption, columns, rows })
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
  readonly entry: SideEntry
  readonly output: SideEntry['result']['outputs'][number]
}

export function outputsTable(report: Report): Html {
  const ids = new Set(allEntries(report).flatMap(({ result }) => result.outputs.map(({ id }) => id)))
  const rows = [...ids].flatMap((id) =>
    allEntries(report).flatMap((entry): OutputRow[] =>
      entry.result.outputs.filter((output) => output.id === id).map((output) => ({ entry, output })),
    ),
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
    ...(rows.some(({ output }) => output.valid !== null) ? [validColumn] : []),
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

const validColumn: Column<OutputRow> = wordColumn('Valid', ({ output: { valid } }) =>
  valid === null ? '–' : valid ? 'yes' : 'no',
)

const differsColumn: Column<OutputRow> = {
  heading: 'Differs at',
  numeric: true,
  cell: ({ output: { differs_at } }) => ({
    shown: differs_at ?? 'same',
    value: differs_at ?? Number.MAX_SAFE_INTEGER,
  }),
}

/** What became of the strategies from one side to the next. */
export function changesTable(report: Report, earlier: Side, later: Side): Html {
  const rows = allEntries(report).filter(({ side, change }) => side === later && change)
  const sides = [
    { label: earlier.label, of: ({ change }: SideEntry) => change!.before },
    { label: later.label, of: ({ change }: SideEntry) => change!.after },
  ]
  const name: Column<SideEntry> = {
    heading: 'Strategy',
    numeric: false,
    cell: (entry) => ({ shown: strategyName(entry), value: entry.name }),
  }
  const columns: Column<SideEntry>[] = [
    name,
    { heading: 'Change', numeric: false, cell: ({ change }) => verdict(change!) },
    ...sides.flatMap(({ label, of }) =>
      estimateColumns(`${label}: speed`, SPEED, rows, (row) => of(row).tokens_per_second),
    ),
    ...sides.map(({ label, of }) =>
      numberColumn(`${label}: same`, PERCENT, rows, (row) => of(row).identical),
    ),
  ]
  const caption = `From ${earlier.label} to ${later.label}. Slower or faster: the intervals of the speeds lie wholly apart.`
  return table({
    id: `changes-${later.label.toLowerCase()}`,
    caption,
    columns,
    rows,
    strategy: ({ style }) => style,
  })
}

function verdict({ comparable, speed, fewerIdentical, regression }: Change): Cell {
  if (!comparable) return { shown: html`<span class="quiet">not comparable</span>`, value: '2' }
  const words = [
    ...(speed === 'unchanged' ? [] : [speed]),
    ...(fewerIdentical ? ['fewer texts the same'] : []),
  ]
  const said = words.join(', ') || 'no clear change'
  if (regression) return { shown: html`<strong class="bad">Regression: ${said}</strong>`, value: `0 ${said}` }
  return {
    shown: html`<span class="${speed === 'faster' ? 'good' : 'quiet'}">${said}</span>`,
    value: `1 ${said}`,
  }
}
