import { type Html, type HtmlPart, html } from './html.js'
import { type Figure, formatter, isNumber, type Measure } from './measures.js'

export interface Column<Row> {
  readonly heading: HtmlPart
  /** Whether it is set to the right and sorted by number. */
  readonly numeric: boolean
  cell(row: Row): Cell
}

export interface Cell {
  readonly shown: HtmlPart
  /** What the column is sorted by; rows without one come last. */
  readonly value: string | Figure
}

export interface TableOptions<Row> {
  /** Of the page's elements. */
  readonly id: string
  readonly caption: HtmlPart
  /** The first heads its rows. */
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  /** The style number of the strategy that a row belongs to. */
  readonly strategy?: (row: Row) => number
  /** What a reader may look for in it, which makes it one that can be filtered by words. */
  readonly filter?: string
}

/** A table that scrolls within the page's width and that the page's script sorts and filters. */
export function table<Row>({ id, caption, columns, rows, strategy, filter }: TableOptions<Row>): Html {
  const headings = columns.map(
    ({ heading, numeric }) => html`<th scope="col" class="${numeric ? 'number' : 'word'}">${heading}</th>`,
  )
  return html`${filter && filterField(id, filter)}<p class="caption" id="${id}-caption">${caption}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-caption">
<table id="${id}" aria-labelledby="${id}-caption" data-sortable>
<thead><tr>${headings}</tr></thead>
<tbody>${rows.map((row) => tableRow(columns, row, strategy?.(row)))}</tbody>
</table></div>`
}

function tableRow<Row>(columns: readonly Column<Row>[], row: Row, strategy: number | undefined): Html {
  const cells = columns.map((column, i) => {
    const { shown, value } = column.cell(row)
    const data = value === null || value === undefined ? undefined : html` data-value="${value}"`
    const kind = column.numeric ? 'number' : 'word'
    return i === 0
      ? html`<th scope="row" class="${kind}"${data}>${shown}</th>`
      : html`<td class="${kind}"${data}>${shown}</td>`
  })
  const of = strategy === undefined ? undefined : html` data-strategy="${strategy}"`
  return html`<tr data-item${of}>${cells}</tr>\n`
}

/** A field that hides what does not have all words typed into it, among the items of an element. */
export function filterField(target: string, label: string): Html {
  return html`<p class="filter scripted"><label>${label} <input type="search" data-filter="${target}" autocomplete="off"></label> <output></output></p>\n`
}

/** A heading with what its numbers are measured in. */
export function withUnit(heading: string, unit: string): Html {
  return html`${heading}${unit && html` <small>${unit}</small>`}`
}

/** Numbers of one kind, all with the same decimals. */
export function numberColumn<Row>(
  heading: string,
  measure: Measure,
  rows: readonly Row[],
  value: (row: Row) => Figure,
): Column<Row> {
  const format = formatter(measure, rows.map(value))
  return {
    heading: withUnit(heading, measure.unit),
    numeric: true,
    cell: (row) => ({ shown: format(value(row)), value: value(row) }),
  }
}

/** Two numbers of one kind in each cell, written `low–high` and sorted by the lower. */
export function rangeColumn<Row>(
  heading: string,
  measure: Measure,
  rows: readonly Row[],
  range: (row: Row) => readonly [low: Figure, high: Figure],
): Column<Row> {
  const format = formatter(
    measure,
    rows.map((row) => range(row)[0]),
  )
  return {
    heading: withUnit(heading, measure.unit),
    numeric: true,
    cell: (row) => {
      const [low, high] = range(row)
      return { shown: isNumber(low) ? `${format(low)}–${format(high)}` : '–', value: low }
    },
  }
}

export function wordColumn<Row>(heading: string, word: (row: Row) => string): Column<Row> {
  return { heading, numeric: false, cell: (row) => ({ shown: word(row), value: word(row) }) }
}
