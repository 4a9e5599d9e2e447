const LIGHT = ['#2563eb', '#dc2626', '#059669', '#b45309', '#7c3aed', '#0e7490', '#be185d', '#4b5563']
const DARK = ['#60a5fa', '#f87171', '#34d399', '#fbbf24', '#a78bfa', '#22d3ee', '#f472b6', '#9ca3af']

function colours(series: readonly string[], paper: string, ink: string, title: string, grid: string): string {
  const rules = series.map((colour, i) => `.s${i} path{stroke:${colour}}.s${i} circle{fill:${colour}}`)
  return [
    `.paper{fill:${paper}}`,
    `text{fill:${ink}}.title{fill:${title}}`,
    `.grid{stroke:${grid}}.axis{stroke:${ink}}`,
    ...rules,
  ].join('')
}

/** How charts look: fonts of the system, and colours that follow the surroundings' light or dark. */
export const CHART_STYLE = {
  /** Classes `s0`, `s1`, … of lines. */
  colours: LIGHT.length,
  css: [
    'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}',
    '.title{font-size:15px;font-weight:600}',
    'path{fill:none;stroke-width:1.4;stroke-linejoin:round;stroke-linecap:round}',
    '.grid,.axis{stroke-width:1;stroke-linecap:butt}',
    '.pale{opacity:.35}',
    '.dashed path{stroke-dasharray:5 4}',
    colours(LIGHT, '#ffffff', '#57606a', '#1f2328', '#e6e8eb'),
    `@media(prefers-color-scheme:dark){${colours(DARK, '#0d1117', '#9198a1', '#e6edf3', '#262c36')}}`,
  ].join(''),
}

/** About how wide a character of 12 pixels is, in pixels. */
export const TEXT_WIDTH = 6.8

/** Text as XML takes it; characters that XML has no place for become U+FFFD. */
export function escapeText(text: string): string {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text
    .replace(/[&<>"]/g, (character) => escapes[character])
    .replace(/[\p{Cc}\p{Surrogate}\uFFFE\uFFFF]/gu, (character) => (/\s/.test(character) ? ' ' : '\uFFFD'))
}

/** A coordinate to a tenth of a pixel. */
export function round(pixels: number): string {
  return String(Number(pixels.toFixed(1)))
}
