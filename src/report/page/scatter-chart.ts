import type { StrategyResult } from '../comparison.js'
import { type Extent, extentOf, linearScale } from '../scale.js'
import { round, TEXT_WIDTH } from '../svg.js'
import { type Html, html } from './html.js'
import { colourClass, mark } from './marks.js'
import { type Figure, isNumber } from './measures.js'
import { axes, type Draw, type Plot, shortened, text, toX, toY } from './plot.js'
import { allEntries, type Report, type SideEntry, titleOf } from './sides.js'

/** Pixels. */
const BOX = { left: 46, top: 30, height: 230, foot: 42, right: 12 }
const LABEL = { most: 125, height: 13 }

/** A strategy's place, in pixels. */
interface Dot {
  readonly entry: SideEntry
  readonly x: number
  readonly y: number
  /** Ends of its speed's interval. */
  readonly from: number
  readonly to: number
}

/** A quality of the strategies over their speed; undefined where none has both. */
export function scatterChart(
  report: Report,
  yLabel: string,
  quality: (result: StrategyResult) => Figure,
): Draw | undefined {
  const shown = allEntries(report).flatMap((entry) => {
    const { median, low, high } = entry.result.tokens_per_second
    const y = quality(entry.result)
    const [from, to] = [low, high].map((bound) => (isNumber(bound) ? bound : median))
    return isNumber(median) && isNumber(y) ? [{ entry, x: median, y, from, to }] : []
  })
  if (shown.length === 0) return undefined
  const speeds = extentOf([0, ...shown.flatMap(({ x, to }) => [x, to])])
  const yExtent = roomy(shown.map(({ y }) => y))
  return (width) => {
    const bottom = BOX.top + BOX.height
    const plot: Plot = {
      ...{ left: BOX.left, right: width - BOX.right, top: BOX.top, bottom },
      xScale: linearScale(speeds, 5, true),
      yScale: linearScale(yExtent, 6, true),
    }
    const dots = shown.map(({ entry, x, y, from, to }) => {
      const [at, start, end] = [x, from, to].map((speed) => toX(plot, speed))
      return { entry, x: at, y: toY(plot, y), from: start, to: end }
    })
    const body = html`${axes(plot, 'tokens per second', yLabel)}${dots.map(drawDot)}${labels(dots, plot)}`
    return { height: bottom + BOX.foot, body }
  }
}

/** Values with a little room around. */
function roomy(values: readonly number[]): Extent {
  const [low, high] = extentOf(values)
  const room = (high - low) * 0.05
  return [low - room, high + room]
}

function drawDot({ entry, x, y, from, to }: Dot): Html {
  const { style, side, result } = entry
  return html`<g class="${colourClass(style)}${side.last ? '' : ' pale'}" data-strategy="${style}"><title>${titleOf(entry)}</title>
<path class="whisker" d="M${round(from)} ${round(y)}H${round(to)}"/>${mark(style, result.lossy, x, y)}</g>`
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Where a label may stand. */
interface Place extends Box {
  /** The point it is written at, and whether it begins, ends or is centred there. */
  readonly x: number
  readonly y: number
  readonly kind: 'start' | 'end' | 'middle'
}

/** Names beside their dots, of the last comparison's alone, where they cover nothing that is there. */
function labels(dots: readonly Dot[], plot: Plot): Html[] {
  const taken: Box[] = dots.map(({ x, y, from, to }) => ({
    ...{ left: Math.min(from, x - 7), right: Math.max(to, x + 7) },
    ...{ top: y - 7, bottom: y + 7 },
  }))
  return dots
    .filter(({ entry }) => entry.side.last)
    .map((dot) => {
      const name = shortened(dot.entry.name, LABEL.most)
      const place = freePlace(places(dot, [...name].length * TEXT_WIDTH, plot), taken)
      taken.push(place)
      return html`<g data-strategy="${dot.entry.style}">${text(name, place.x, place.y, place.kind)}</g>`
    })
}

/** Right of a dot, left, above, below, and then further up and down: those within the chart. */
function places({ x, y, from, to }: Dot, width: number, { left: first, right }: Plot): Place[] {
  const last = right + BOX.right
  const at = (kind: Place['kind'], start: number, middle: number): Place => {
    const left = { start, end: start - width, middle: start - width / 2 }[kind]
    const [top, bottom] = [middle - LABEL.height / 2, middle + LABEL.height / 2]
    return { kind, x: start, y: middle + 4, left, right: left + width, top, bottom }
  }
  const beside = [0, 12, -12, 24, -24, 36, -36, 48, -48].flatMap((dy) => [
    at('start', Math.max(x + 10, to + 5), y + dy),
    at('end', Math.min(x - 10, from - 5), y + dy),
  ])
  const middle = Math.max(first + width / 2, Math.min(last - width / 2, x))
  const above = [at('middle', middle, y - 15), at('middle', middle, y + 15)]
  const isInside = (place: Place) => place.left >= first && place.right <= last
  // The centred ones are moved inside; beside there may be no room, as where a whisker crosses the chart.
  return [...beside.slice(0, 2).filter(isInside), ...above, ...beside.slice(2).filter(isInside)]
}

function freePlace(wanted: readonly Place[], taken: readonly Box[]): Place {
  return wanted.find((place) => !taken.some((other) => overlap(place, other))) ?? wanted[0]
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}
