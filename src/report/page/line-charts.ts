import { type Extent, linearScale } from '../scale.js'
import { round, TEXT_WIDTH } from '../svg.js'
import { thin } from '../thin.js'
import { type Html, html } from './html.js'
import { colourClass, mark } from './marks.js'
import { isNumber } from './measures.js'
import { axes, type Draw, line, type Plot, shortened, spread, text, toX, toY } from './plot.js'
import { allEntries, type Report, type SideEntry, titleOf } from './sides.js'

/** Pixels. */
const LEFT = 38
const TOP = 30
const HEIGHT = 210
const FOOT = 42
const LABELS = { wide: 156, narrow: 92, gap: 15 }
/** Of a label, before its name. */
const LABEL_START = 30

interface Point {
  readonly x: number
  readonly y: number
}

interface Series {
  readonly entry: SideEntry
  readonly points: readonly Point[]
  /** Drawn faintly behind the line: what it smooths. */
  readonly raw?: readonly Point[]
  readonly marked: boolean
}

/** Tokens after the first over which latencies are smoothed. */
export const SMOOTHED_OVER = 9

/** Share of drafts accepted by depth; undefined where no strategy drafts. */
export function acceptanceChart(report: Report): Draw | undefined {
  const series = seriesOf(report, ({ acceptance_by_depth }) => ({
    points: points(acceptance_by_depth ?? [], 100),
    marked: true,
  }))
  return chartOf(series, [0, 100], 'depth of the draft', '% accepted')
}

/** Milliseconds each token took; undefined where no strategy has made two tokens. */
export function latencyChart(report: Report): Draw | undefined {
  const series = seriesOf(report, ({ token_times }) => {
    const raw = points(token_times, 1e3)
    return { raw, points: smoothed(raw), marked: false }
  })
  const most = series.reduce((so, { raw }) => raw!.reduce((max, { y }) => Math.max(max, y), so), 0)
  return chartOf(series, [0, most], 'token after the first', 'ms per token')
}

function seriesOf(report: Report, of: (result: SideEntry['result']) => Omit<Series, 'entry'>): Series[] {
  return allEntries(report)
    .map((entry) => ({ entry, ...of(entry.result) }))
    .filter(({ points }) => points.length > 0)
}

/** Values by their number, from 1 on. */
function points(values: readonly number[], scale: number): Point[] {
  return values.map((value, i) => ({ x: i + 1, y: value * scale })).filter((_, i) => isNumber(values[i]))
}

/** Medians of a window around each point. */
function smoothed(raw: readonly Point[]): Point[] {
  const reach = (SMOOTHED_OVER - 1) / 2
  return raw.map(({ x }, i) => {
    const window = raw.slice(Math.max(0, i - reach), i + reach + 1).map(({ y }) => y)
    window.sort((a, b) => a - b)
    return { x, y: (window[(window.length - 1) >> 1] + window[window.length >> 1]) / 2 }
  })
}

function chartOf(
  series: readonly Series[],
  yExtent: Extent,
  xLabel: string,
  yLabel: string,
): Draw | undefined {
  if (series.length === 0) return undefined
  const last = series.reduce((most, { points }) => Math.max(most, points.at(-1)!.x), 1)
  const longest =
    LABEL_START + Math.ceil(Math.max(...series.map(({ entry }) => [...entry.name].length)) * TEXT_WIDTH)
  return (width) => {
    const room = Math.min(longest, width > 400 ? LABELS.wide : LABELS.narrow)
    const box = { left: LEFT, right: width - room, top: TOP, bottom: TOP + HEIGHT }
    const xScale = linearScale([last > 20 ? 0 : 1, last], last > 20 ? 6 : Math.min(last - 1 || 1, 8), false)
    const plot = { ...box, xScale: wholeTicks(xScale), yScale: linearScale(yExtent, 5, true) }
    const drawn = series.map((one) => drawSeries(one, plot))
    return {
      height: box.bottom + FOOT,
      body: html`${axes(plot, xLabel, yLabel)}${drawn}${labels(series, plot, room)}`,
    }
  }
}

/** There is no half of a token. */
function wholeTicks(scale: Plot['xScale']): Plot['xScale'] {
  return { ...scale, ticks: scale.ticks.filter(Number.isInteger) }
}

function drawSeries({ entry, points, raw, marked }: Series, plot: Plot): Html {
  const { style, side, result } = entry
  const marks = marked && points.map(({ x, y }) => mark(style, result.lossy, toX(plot, x), toY(plot, y)))
  const faint = raw && side.last && html`<path class="faint" d="${path(raw, plot)}"/>`
  return html`<g class="${colourClass(style)}${side.last ? '' : ' pale'}" data-strategy="${style}"><title>${titleOf(entry)}</title>${
    faint || undefined
  }<path class="line" d="${path(points, plot)}"/>${marks || undefined}</g>`
}

function path(points: readonly Point[], plot: Plot): string {
  const pixels = thin(points.map(({ x, y }) => ({ x: toX(plot, x), y: toY(plot, y) })))
  return `M${pixels.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L')}`
}

/** Names at the ends of the lines, of the last comparison's alone. */
function labels(series: readonly Series[], plot: Plot, room: number): Html[] {
  const named = series.filter(({ entry }) => entry.side.last)
  const ends = named.map(({ points }) => points.at(-1)!)
  const wanted = ends.map(({ y }) => toY(plot, y))
  const places = spread(wanted, LABELS.gap, plot.top, plot.bottom)
  return named.map(({ entry: { name, style, result } }, i) => {
    const [x, end] = [plot.right + LABEL_START, toX(plot, ends[i].x)]
    const lead = line('lead', end + 5, wanted[i], x - 16, places[i])
    const sign = html`<g class="${colourClass(style)}">${mark(style, result.lossy, x - 10, places[i])}</g>`
    return html`<g data-strategy="${style}">${lead}${sign}${text(shortened(name, room - LABEL_START), x, places[i] + 4)}</g>`
  })
}
