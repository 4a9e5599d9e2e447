import { usageError } from '../errors.js'
import { extentOf, linearScale, logScale, type Scale } from './scale.js'
import { CHART_STYLE, escapeText, round, TEXT_WIDTH } from './svg.js'
import { type Pixel, thin } from './thin.js'

/** A named line. Points that are not finite, or not above 0 on a logarithmic axis, are skipped. */
export interface Series {
  readonly name: string
  /** In the order in which the line joins them. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
  /** Drawn pale, as what lies behind the others. */
  readonly pale?: boolean
}

/** Lines that share a y axis. */
export interface Panel {
  readonly yLabel: string
  readonly series: readonly Series[]
  readonly logY?: boolean
}

export interface ChartOptions {
  readonly title: string
  readonly xLabel: string
  /** From top to bottom over one x axis; the first is the large one. */
  readonly panels: readonly Panel[]
  /** Pixels. */
  readonly width?: number
}

/** Pixels. */
const MARGIN = { left: 64, right: 20, top: 48, bottom: 52 }
const HEIGHTS = { first: 300, other: 96 }
const GAP = 24
const LEGEND_ROW = 20
/** From the top of a legend's last row to the frame below it. */
const LEGEND_FOOT = 26
const SWATCH = 26
/** About how far apart ticks of a y axis are. */
const TICK_DISTANCE = 40
/** Fewer points than these are marked one by one. */
const MARKED = 40

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/**
 * A chart of lines as a self-contained SVG document, for light and dark surroundings alike.
 * @throws UserError, exit code 2, for a chart without lines, or a line without a point that can be drawn
 */
export function lineChart({ title, xLabel, panels, width = 800 }: ChartOptions): string {
  const drawable = panels.map(withDrawablePoints)
  if (drawable.length === 0) throw usageError(`The chart "${title}" has no panel: give it one with a series.`)
  const points = drawable.flatMap(({ series }) => series.flatMap((one) => one.points))
  const x = linearScale(extentOf(points.map((point) => point.x)), 8, false)
  const body: string[] = []
  let top = MARGIN.top
  for (const [i, panel] of drawable.entries()) {
    const legend = legendRows(panel, width)
    if (legend.length > 0) body.push(...drawLegend(legend, top))
    top += legend.length > 0 ? (legend.length - 1) * LEGEND_ROW + LEGEND_FOOT : 0
    const bottom = top + (i === 0 ? HEIGHTS.first : HEIGHTS.other)
    const box = { left: MARGIN.left, right: width - MARGIN.right, top, bottom }
    body.push(...drawPanel(panel, x, box, i === drawable.length - 1))
    top = bottom + GAP
  }
  const height = top - GAP + MARGIN.bottom
  body.push(text(xLabel, { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 14, anchor: 'middle' }))
  return svg(title, width, height, body)
}

function withDrawablePoints(panel: Panel): Panel {
  if (panel.series.length === 0) {
    throw usageError(`The panel "${panel.yLabel}" has no series: give it one, or leave it out.`)
  }
  const draws = (value: number) => Number.isFinite(value) && (!panel.logY || value > 0)
  const series = panel.series.map((one) => {
    const points = one.points.filter(({ x, y }) => Number.isFinite(x) && draws(y))
    if (points.length > 0) return { ...one, points }
    const kind = panel.logY ? 'finite and above 0' : 'finite'
    throw usageError(`The series "${one.name}" has no point to draw: it needs one that is ${kind}.`)
  })
  return { ...panel, series }
}

function drawPanel({ series, yLabel, logY }: Panel, x: Scale, box: Box, last: boolean): string[] {
  const extent = extentOf(series.flatMap(({ points }) => points.map((point) => point.y)))
  const count = (box.bottom - box.top) / TICK_DISTANCE
  const y = logY ? logScale(extent, count) : linearScale(extent, count, true)
  const toX = (value: number) => box.left + x.position(value) * (box.right - box.left)
  const toY = (value: number) => box.bottom - y.position(value) * (box.bottom - box.top)
  const middle = (box.top + box.bottom) / 2
  return [
    ...y.ticks.flatMap((tick) => [
      line('grid', box.left, toY(tick), box.right, toY(tick)),
      text(y.label(tick), { x: box.left - 8, y: toY(tick) + 4, anchor: 'end' }),
    ]),
    ...x.ticks.flatMap((tick) => [
      line('axis', toX(tick), box.bottom, toX(tick), box.bottom + 4),
      ...(last ? [text(x.label(tick), { x: toX(tick), y: box.bottom + 18, anchor: 'middle' })] : []),
    ]),
    line('axis', box.left, box.bottom, box.right, box.bottom),
    `<text transform="translate(16 ${round(middle)}) rotate(-90)" text-anchor="middle">${escapeText(yLabel)}</text>`,
    ...series.map((one, i) => drawSeries(one, i, toX, toY)),
  ]
}

type Projection = (value: number) => number

function drawSeries(series: Series, index: number, toX: Projection, toY: Projection): string {
  const pixels: Pixel[] = series.points.map(({ x, y }) => ({ x: toX(x), y: toY(y) }))
  const path = thin(pixels).map(({ x, y }) => `${round(x)} ${round(y)}`)
  const marks = pixels.length < MARKED ? pixels : []
  const circles = marks.map(({ x, y }) => `<circle cx="${round(x)}" cy="${round(y)}" r="2.2"/>`)
  const drawn = `<path d="M${path.join('L')}"/>${circles.join('')}`
  return `<g class="${seriesClass(series, index)}"><title>${escapeText(series.name)}</title>${drawn}</g>`
}

/** The colours repeat with dashes. */
function seriesClass({ pale }: Series, index: number): string {
  const { colours } = CHART_STYLE
  const kinds = [`s${index % colours}`, ...(index < colours ? [] : ['dashed']), ...(pale ? ['pale'] : [])]
  return kinds.join(' ')
}

interface LegendEntry {
  readonly series: Series
  readonly index: number
  readonly x: number
}

/** A panel of one line needs no legend: its axis names it. */
function legendRows({ series }: Panel, width: number): LegendEntry[][] {
  if (series.length < 2) return []
  const rows: LegendEntry[][] = [[]]
  let x = MARGIN.left
  for (const [index, one] of series.entries()) {
    const needed = SWATCH + one.name.length * TEXT_WIDTH + 20
    if (x + needed > width && x > MARGIN.left) {
      rows.push([])
      x = MARGIN.left
    }
    rows.at(-1)!.push({ series: one, index, x })
    x += needed
  }
  return rows
}

function drawLegend(rows: readonly LegendEntry[][], top: number): string[] {
  return rows.flatMap((row, i) => {
    const y = top + i * LEGEND_ROW + 4
    return row.flatMap(({ series, index, x }) => [
      `<g class="${seriesClass(series, index)}"><path d="M${round(x)} ${y}h18"/></g>`,
      text(series.name, { x: x + SWATCH, y: y + 4, anchor: 'start' }),
    ])
  })
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<path class="${kind}" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`
}

function text(content: string, { x, y, anchor }: { x: number; y: number; anchor: string }): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`
}

function svg(title: string, width: number, height: number, body: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`
  const heading = `<text class="title" x="${MARGIN.left}" y="28">${escapeText(title)}</text>`
  const frame = `<rect class="paper" width="${width}" height="${height}" rx="6"/>`
  const lines = [
    head,
    `<title>${escapeText(title)}</title>`,
    `<style>${CHART_STYLE.css}</style>`,
    frame,
    heading,
  ]
  return `${[...lines, ...body, '</svg>'].join('\n')}\n`
}
