import type { StrategyResult } from '../comparison.js'
import { type Extent, linearScale } from '../scale.js'
import { round, TEXT_WIDTH } from '../svg.js'
import { type Html, html } from './html.js'
import { colourClass, mark } from './marks.js'
import { isNumber, type Value } from './measures.js'
import { axes, type Draw, type Plot, shortened, text, toX, toY } from './plot.js'
import { allEntries, type Entry, type Report, titleOf } from './sides.js'

/** Pixels. */
const BOX = { left: 46, top: 30, height: 230, foot: 42, right: 12 }
const LABEL = { most: 125, height: 13 }

interface Dot {
  readonly entry: Entry
  readonly x: number
  readonly y: number
}

/** A quality of the strategies over their speed; undefined where none has both. */
export function scatterChart(
  report: Report,
  yLabel: string,
  quality: (result: StrategyResult) => Value,
): Draw | undefined {
  const shown = allEntries(report).flatMap((entry) => {
    const [x, y] = [entry.result.tokens_per_second.median, quality(entry.result)]
    return isNumber(x) && isNumber(y) ? [{ entry, x, y }] : []
  })
  if (shown.length === 0) return undefined
  const speeds = shown.flatMap(({ x, entry }) => [x, entry.result.tokens_per_second.high]).filter(isNumber)
  const yExtent = extentOf(shown.map(({ y }) => y))
  return (width) => {
    const bottom = BOX.top + BOX.height
    const plot: Plot = {
      ...{ left: BOX.left, right: width - BOX.right, top: BOX.top, bottom },
      xScale: linearScale([0, Math.max(...speeds)], 5, true),
      yScale: linearScale(yExtent, 6, true),
    }
    const dots = shown.map((dot) => ({ ...dot, x: toX(plot, dot.x), y: toY(plot, dot.y) }))
    const body = html`${axes(plot, 'tokens per second', yLabel)}${dots.map((dot) => drawDot(dot, plot))}${labels(dots, plot)}`
    return { height: bottom + BOX.foot, body }
  }
}

/** With a little room around. */
function extentOf(values: readonly number[]): Extent {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = (high - low) * 0.05
  return [low - room, high + room]
}

function drawDot({ entry, x, y }: Dot, plot: Plot): Html {
  const { style, side, result } = entry
  const { low, high } = result.tokens_per_second
  const [a, b] = [low, high].map((value) => round(toX(plot, value)))
  return html`<g class="${colourClass(style)}${side.last ? '' : ' pale'}" data-strategy="${style}"><title>${titleOf(entry)}</title>
<path class="whisker" d="M${a} ${round(y)}H${b}"/>${mark(style, result.lossy, x, y)}</g>`
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
  const taken: Box[] = dots.map(({ x, y }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }))
  return dots
    .filter(({ entry }) => entry.side.last)
    .map((dot) => {
      const name = shortened(dot.entry.name, LABEL.most)
      const place = freePlace(places(dot, [...name].length * TEXT_WIDTH), taken, plot)
      taken.push(place)
      return html`<g data-strategy="${dot.entry.style}">${text(name, place.x, place.y, place.kind)}</g>`
    })
}

/** Right of a dot, left, above, below, and then further up and down. */
function places({ x, y }: Dot, width: number): Place[] {
  const at = (kind: Place['kind'], start: number, middle: number): Place => {
    const left = { start, end: start - width, middle: start - width / 2 }[kind]
    const [top, bottom] = [middle - LABEL.height / 2, middle + LABEL.height / 2]
    return { kind, x: start, y: middle + 4, left, right: left + width, top, bottom }
  }
  const beside = [0, 12, -12, 24, -24].flatMap((dy) => [
    at('start', x + 10, y + dy),
    at('end', x - 10, y + dy),
  ])
  return [...beside.slice(0, 2), at('middle', x, y - 15), at('middle', x, y + 15), ...beside.slice(2)]
}

function freePlace(wanted: readonly Place[], taken: readonly Box[], { left, right }: Plot): Place {
  const inside = wanted.filter((box) => box.left >= left && box.right <= right)
  const free = inside.find((box) => !taken.some((other) => overlap(box, other)))
  return free ?? inside[0] ?? wanted[0]
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}
