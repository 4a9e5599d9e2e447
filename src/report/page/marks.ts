import { round } from '../svg.js'
import { type Html, html } from './html.js'

/** Outlines around 0 0, about 9 pixels wide: what tells strategies apart without their colours. */
const SHAPES = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z',
  'M-3.6 -3.6h7.2v7.2h-7.2z',
  'M0 -5L5 0L0 5L-5 0z',
  'M0 -4.6L4.8 3.6H-4.8z',
  'M0 4.6L4.8 -3.6H-4.8z',
  'M-1.6 -4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z',
]

/** Colours of strategies: 0 is the reference's, the others come again after the last. */
export const COLOURS = 8

/** The class that gives a strategy's colour to `currentColor`. */
export function colourClass(style: number): string {
  return `c${style === 0 ? 0 : 1 + ((style - 1) % (COLOURS - 1))}`
}

/** A strategy's mark; that of a lossy one is hollow. */
export function mark(style: number, lossy: boolean, x: number, y: number): Html {
  const place = `translate(${round(x)} ${round(y)})`
  return html`<path class="${lossy ? 'mark hollow' : 'mark'}" transform="${place}" d="${SHAPES[style % SHAPES.length]}"/>`
}

/** A strategy's mark in a line of text. */
export function swatch(style: number, lossy: boolean): Html {
  return html`<svg class="swatch ${colourClass(style)}" viewBox="-7 -7 14 14" aria-hidden="true">${mark(style, lossy, 0, 0)}</svg>`
}
