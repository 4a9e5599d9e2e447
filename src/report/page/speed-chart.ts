import { extentOf, linearScale } from '../scale.js'
import { round } from '../svg.js'
import { type Html, html } from './html.js'
import { colourClass, mark } from './marks.js'
import { formatter, interval, isNumber, RATIO, SPEED } from './measures.js'
import { type Draw, line, shortened, text } from './plot.js'
import { type Report, type SideEntry, titleOf } from './sides.js'

/** Pixels. */
const ROW = { first: 34, next: 24 }
const TOP = 26
const FOOT = 40
/** Where a chart is at least this wide, its rows say their intervals too. */
const WIDE = 600

interface Columns {
  /** Of the bars. */
  readonly left: number
  readonly right: number
  /** Right edges of the numbers. */
  readonly median: number
  readonly interval?: number
  readonly ratio: number
}

/** Tokens per second of all strategies, the fastest first: medians as bars, intervals as whiskers, runs as a rug. */
export function speedChart(report: Report): Draw {
  return (width) => {
    const rows = rowsOf(report)
    const columns = columnsOf(width)
    const bottom = TOP + rows.height
    const values = rows.entries.flatMap(({ entry }) => speedsOf(entry))
    const scale = linearScale(extentOf([0, ...values]), (columns.right - columns.left) / 60, true)
    const x = (value: number) => columns.left + scale.position(value) * (columns.right - columns.left)
    const format = formatter(
      SPEED,
      rows.entries.map(({ entry }) => entry.result.tokens_per_second.median),
    )
    const ticks = scale.ticks.map((tick) => {
      const at = x(tick)
      return html`${line('grid', at, TOP, at, bottom)}${text(scale.label(tick), at, bottom + 16, 'tick middle')}`
    })
    const drawn = rows.entries.map((row) => drawRow(row, columns, x, format))
    const label = text('tokens per second', columns.right, bottom + 34, 'label end')
    const body = html`${headings(report, columns)}${ticks}${referenceLine(report, x, bottom)}${drawn}${label}`
    return { height: bottom + FOOT, body }
  }
}

interface Row {
  readonly entry: SideEntry
  readonly y: number
  /** Whether it is its strategy's first, which bears the name. */
  readonly named: boolean
}

function rowsOf({ strategies }: Report): { entries: Row[]; height: number } {
  const speed = (entries: readonly SideEntry[]) => entries.at(-1)?.result.tokens_per_second.median ?? 0
  const sorted = [...strategies].sort((a, b) => speed(b.entries) - speed(a.entries))
  const entries: Row[] = []
  let y = TOP
  for (const strategy of sorted) {
    for (const [i, entry] of strategy.entries.entries()) {
      entries.push({ entry, y: y + (i === 0 ? ROW.first / 2 : ROW.next / 2 - 5), named: i === 0 })
      y += i === 0 ? ROW.first : ROW.next
    }
  }
  return { entries, height: y - TOP }
}

function speedsOf({ result: { tokens_per_second, outputs } }: SideEntry): number[] {
  const { median, low, high } = tokens_per_second
  return [
    median,
    low,
    high,
    ...outputs.flatMap(({ runs }) => runs.map((run) => run.tokens_per_second)),
  ].filter(isNumber)
}

function columnsOf(width: number): Columns {
  if (width < WIDE) return { left: 96, right: width - 104, median: width - 48, ratio: width }
  return { left: 176, right: width - 264, median: width - 190, interval: width - 84, ratio: width }
}

function headings({ sides }: Report, { median, interval, ratio }: Columns): Html {
  const against = `vs ${shortened(sides[0].comparison.reference, 60)}`
  return html`${text('tok/s', median, 14, 'label end')}${
    interval && text('95% interval', interval, 14, 'label end')
  }${text(interval ? against : 'ratio', ratio, 14, 'label end')}`
}

/** A line through all rows at the reference's speed, in the last comparison. */
function referenceLine(
  { strategies, sides }: Report,
  x: (value: number) => number,
  bottom: number,
): Html | undefined {
  const name = sides.at(-1)!.comparison.reference
  const median = strategies.find((one) => one.name === name)?.entries.at(-1)?.result.tokens_per_second.median
  return isNumber(median) ? line('reference', x(median), TOP, x(median), bottom) : undefined
}

function drawRow(
  { entry, y, named }: Row,
  columns: Columns,
  x: (value: number) => number,
  format: ReturnType<typeof formatter>,
): Html {
  const { result, side, style } = entry
  const { tokens_per_second: speed, speed_ratio: ratio, lossy } = result
  const shades = side.last ? colourClass(style) : `${colourClass(style)} pale`
  const title = `${titleOf(entry)}: ${format(speed.median)} tok/s (${interval(format, speed)})`
  const times = `${formatter(RATIO, [])(ratio.median)}×`
  return html`<g data-strategy="${style}"><title>${title}</title>${rowName(entry, named, columns.left, y)}
${isNumber(speed.median) ? html`<g class="${shades}">${bar(entry, y, x)}${mark(style, lossy, x(speed.median), y)}</g>` : undefined}
${text(format(speed.median), columns.median, y + 4, 'end strong')}${
  columns.interval && text(interval(format, speed), columns.interval, y + 4, 'end quiet')
}${text(times, columns.ratio, y + 4, 'end')}</g>`
}

function rowName({ name, side, result, change }: SideEntry, named: boolean, left: number, y: number): Html {
  const letter = side.label && text(side.label, left - 10, y + 4, 'end quiet')
  const room = left - (side.label ? 32 : 24)
  if (!named) return html`${letter}${change?.regression ? text('regression', 0, y + 5, 'bad') : undefined}`
  const below = result.lossy ? text('lossy', 0, y + 12, 'tick') : undefined
  return html`${text(shortened(name, room), 0, y + (result.lossy ? -1 : 4), 'strong')}${below}${letter}`
}

function bar(
  { result: { tokens_per_second, outputs } }: SideEntry,
  y: number,
  x: (value: number) => number,
): Html {
  const { median, low, high } = tokens_per_second
  const start = x(0)
  const runs = outputs.flatMap((output) => output.runs.map((run) => run.tokens_per_second)).filter(isNumber)
  const rug = [...new Set(runs.map((run) => round(x(run))))].map((at) => `M${at} ${round(y + 9)}v4`)
  const [a, b] = [low, high].map((value) => round(x(isNumber(value) ? value : median)))
  const [up, down] = [round(y - 5), round(y + 5)]
  return html`<rect class="bar" x="${round(start)}" y="${round(y - 7)}" width="${round(x(median) - start)}" height="14"/>
<path class="rug" d="${rug.join('')}"/><path class="whisker" d="M${a} ${up}V${down}M${b} ${up}V${down}M${a} ${round(y)}H${b}"/>`
}
