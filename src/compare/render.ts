import type { NamedComparison } from './regressions.js'
import { conditionsOf, remarksOf, sideBySide, type Table, tablesOf } from './tables.js'

/** Columns of a terminal that can be counted on. */
const WIDTH = 80
/** Of the first column, however little room is left. */
const LEAST = 12
/** Of the others: a scorer's name may be a command. */
const MOST = 24
const GAP = '  '

/** For a terminal: aligned columns, the first one cut so that rows fit where they can; other names, which tell runs apart, whole. */
export function asText(comparisons: readonly NamedComparison[]): string {
  const [{ comparison }] = comparisons
  const blocks =
    comparisons.length === 1
      ? [...tablesOf(comparison).map(aligned), conditionsOf(comparison).join('\n')]
      : [aligned(sideBySide(comparisons)), remarksOf(comparisons).join('\n')]
  return blocks.join('\n\n')
}

/** @returns a document that ends in a newline */
export function asMarkdown(comparisons: readonly NamedComparison[]): string {
  const several =
    comparisons.length > 1 ? [markdownTable(sideBySide(comparisons)), list(remarksOf(comparisons))] : []
  const each = comparisons.flatMap(({ name, comparison }) => [
    ...(comparisons.length > 1 ? [`## ${name}`] : []),
    ...tablesOf(comparison).map(markdownTable),
    list([...conditionsOf(comparison), comparison.created]),
    `\`\`\`sh\n${comparison.command}\n\`\`\``,
  ])
  return `${['# Comparison of strategies', ...several, ...each].join('\n\n')}\n`
}

function aligned({ names, titles, rows }: Table): string {
  const all = [titles, ...rows]
  const needed = titles.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const others = needed.slice(1).map((width, i) => (i + 1 < names ? width : Math.min(width, MOST)))
  const room = WIDTH - others.reduce((sum, width) => sum + width + GAP.length, 0)
  const widths = [Math.min(needed[0], Math.max(LEAST, room)), ...others]
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const text = shortened(cell, widths[column])
      return column < names ? text.padEnd(widths[column]) : text.padStart(widths[column])
    })
  return all.map((row) => line(row).join(GAP).trimEnd()).join('\n')
}

function shortened(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}

function markdownTable({ names, titles, rows }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  const ruler = titles.map((_, column) => (column < names ? '---' : '---:'))
  return [line(titles), line(ruler), ...rows.map(line)].join('\n')
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}
