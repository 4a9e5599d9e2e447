import { type DocumentRow, jsonRow, tableOf } from '../../extract/rows.js'
import type { ExtractionTask } from '../../extract/task.js'
import { csvText } from '../../grammar/spelling/csv.js'
import { printable } from '../../printable.js'

/** Rows as JSON Lines, CSV, or a table for people. */
export function written(
  rows: readonly DocumentRow[],
  { record, isMany }: ExtractionTask,
  { csv, table }: { readonly csv: boolean; readonly table: boolean },
): string {
  if (!csv && !table) return rows.map((row) => `${jsonRow(row, isMany)}\n`).join('')
  const seen = rows.flatMap(({ records }) => records.flatMap(({ value }) => Object.keys(value as object)))
  const fields = [...new Set([...Object.keys((record.properties ?? {}) as object), ...seen])]
  const cells = tableOf(rows, fields)
  return csv ? cells.map((row) => `${row.map(csvCell).join(',')}\n`).join('') : aligned(cells)
}

/** An empty cell is null, as in the CSV that models write. */
function csvCell(cell: string): string {
  return cell === '' ? '' : csvText(cell)
}

/** Characters of a cell that a table shows. */
const WIDEST = 40

function aligned(cells: readonly (readonly string[])[]): string {
  const shown = cells.map((row) =>
    row.map((cell) => {
      const line = printable(cell).replace(/\s+/g, ' ')
      return line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line
    }),
  )
  const widths = shown[0].map((_, column) => Math.max(...shown.map((row) => row[column].length)))
  const lines = shown.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  )
  return `${[lines[0], widths.map((width) => '─'.repeat(width)).join('  '), ...lines.slice(1)].join('\n')}\n`
}
