import type { Scale } from '../scale.js'
import { round, TEXT_WIDTH } from '../svg.js'
import { type Html, type HtmlPart, html } from './html.js'

/** The rectangle between the axes, in pixels, with the scales that fill it. */
export interface Plot {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly xScale: Scale
  readonly yScale: Scale
}

export const toX = ({ left, right, xScale }: Plot, value: number) =>
  left + xScale.position(value) * (right - left)
export const toY = ({ top, bottom, yScale }: Plot, value: number) =>
  bottom - yScale.position(value) * (bottom - top)

/** Quiet lines at the ticks of both axes, their numbers, and what the axes show. */
export function axes(plot: Plot, xLabel: string, yLabel: string): Html {
  const { left, right, top, bottom, xScale, yScale } = plot
  return html`${yScale.ticks.map((tick) => {
    const y = toY(plot, tick)
    return html`${line('grid', left, y, right, y)}${text(yScale.label(tick).replace('-', '\u2212'), left - 6, y + 4, 'tick end')}`
  })}${xScale.ticks.map((tick) => {
    const x = toX(plot, tick)
    return html`${line('axis', x, bottom, x, bottom + 4)}${text(xScale.label(tick), x, bottom + 17, 'tick middle')}`
  })}${line('axis', left, bottom, right, bottom)}${text(yLabel, 0, top - 12, 'label')}${text(xLabel, right, bottom + 34, 'label end')}`
}

export function line(kind: string, x1: number, y1: number, x2: number, y2: number): Html {
  return html`<path class="${kind}" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`
}

export function text(content: HtmlPart, x: number, y: number, kind = ''): Html {
  return html`<text class="${kind}" x="${round(x)}" y="${round(y)}">${content}</text>`
}

/** A name that has only so many pixels. */
export function shortened(name: string, width: number): string {
  const most = Math.floor(width / TEXT_WIDTH)
  const characters = [...name]
  return characters.length <= most ? name : `${characters.slice(0, most - 1).join('')}…`
}

/** Places for labels in a column, near where they belong and at least `gap` apart, between `top` and `bottom`. */
export function spread(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b])
  const places = [...wanted]
  let free = top
  for (const i of order) {
    places[i] = Math.max(wanted[i], free)
    free = places[i] + gap
  }
  let limit = bottom
  for (const i of order.reverse()) {
    places[i] = Math.min(places[i], limit)
    limit = places[i] - gap
  }
  return places
}

/** Draws a chart of a width in pixels. */
export type Draw = (width: number) => { readonly height: number; readonly body: Html }

export interface FigureOptions {
  readonly title: string
  /** Whether a heading above it already says its title. */
  readonly untitled?: boolean
  /** What is seen, and how it is drawn. */
  readonly caption: HtmlPart
  readonly draw: Draw
  /** Pixels on a wide screen. */
  readonly width: number
}

/** Pixels on a phone. */
const NARROW = 340

/** A chart with its title and caption, drawn once for wide screens and paper and once for phones. */
export function figure({ title, untitled, caption, draw, width }: FigureOptions): Html {
  return html`<figure>
<figcaption>${untitled ? undefined : html`<h3>${title}</h3>`}<p>${caption}</p></figcaption>
${svg(title, 'wide', width, draw)}
${svg(title, 'narrow', NARROW, draw)}
</figure>`
}

function svg(title: string, kind: string, width: number, draw: Draw): Html {
  const { height, body } = draw(width)
  return html`<svg class="chart ${kind}" role="img" aria-label="${title}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`
}
