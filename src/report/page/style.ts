/** The colours of strategies, light and dark: told apart by the colour-blind too (after Okabe and Ito 2008). */
const COLOURS = [
  ['#4b5563', '#b6bec9'],
  ['#0067a8', '#5cb8f0'],
  ['#c8500a', '#ff9554'],
  ['#00805c', '#3fcf9f'],
  ['#a8478a', '#ec9aca'],
  ['#8f6a00', '#e8c03f'],
  ['#5b4bd0', '#ab9fff'],
  ['#2f7f96', '#86d7ea'],
]

/** One style sheet for screens of all sizes, light and dark, and for paper. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fff, #15181d);
  --tint: light-dark(#f6f7f9, #1c2027);
  --ink: light-dark(#1b1f26, #e5e8ec);
  --quiet: light-dark(#596273, #9ca6b4);
  --rule: light-dark(#e3e6eb, #2c323b);
  --strong-rule: light-dark(#8a93a1, #6c7684);
  --other: light-dark(#fff0bf, #4d4012);
  --other-rule: light-dark(#b07d00, #d9b13b);
  --bad: light-dark(#b3261e, #ff9086);
  --good: light-dark(#04703f, #5fd39b);
  --link: light-dark(#0b5cad, #7fbcff);
}
${COLOURS.map(([light, dark], i) => `.c${i} { color: light-dark(${light}, ${dark}) }`).join('\n')}
* { box-sizing: border-box }
[hidden] { display: none !important }
html:not(.scripted) .scripted { display: none }
html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
.page { max-width: 62rem; margin: 0 auto; padding: 0 1rem 4rem }
h1, h2, h3, p, figure, ul { margin: 0; padding: 0 }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; text-wrap: balance; overflow-wrap: anywhere }
h2 { font-size: 1.375rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em }
h3 { font-size: 1rem; line-height: 1.4; font-weight: 650; overflow-wrap: anywhere }
small { font-size: .8125em }
b, strong { font-weight: 650 }
.quiet, figcaption p, .facts, small { color: var(--quiet) }
.bad { color: var(--bad) }
.good { color: var(--good) }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }

header { padding: 1.75rem 0 1.25rem }
.over { display: flex; justify-content: space-between; align-items: center; gap: 1rem; margin-bottom: 1rem; color: var(--quiet); font-size: .875rem }
.finding { margin-top: .75rem; max-width: 54rem; font-size: 1.25rem; line-height: 1.45; text-wrap: balance; overflow-wrap: anywhere }
.about { margin-top: .875rem; color: var(--quiet); font-size: .875rem; overflow-wrap: anywhere }
#theme { font: inherit; color: inherit; background: none; border: 1px solid var(--rule); border-radius: 999px; padding: .2rem .8rem; cursor: pointer }
#theme:hover { color: var(--ink); border-color: var(--strong-rule) }

.strategies { position: sticky; top: 0; z-index: 1; margin: 0 -1rem; padding: .55rem 1rem; background: var(--paper); border: 0; border-block: 1px solid var(--rule); font-size: .875rem }
.strategies ul { display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; list-style: none }
.strategies label { display: inline-flex; align-items: center; gap: .4rem; min-height: 1.5rem }
.scripted .strategies label { cursor: pointer }
.strategies input { margin: 0; accent-color: var(--quiet) }
.name { white-space: nowrap }
.swatch { width: .875rem; height: .875rem; margin-right: .4rem; vertical-align: -.1rem }
.tag { margin-left: .15rem; padding: 0 .35rem; border: 1px solid var(--strong-rule); border-radius: 3px; color: var(--quiet); font-size: .6875rem; font-weight: 500; line-height: 1.3; white-space: nowrap }

section.part { padding-top: 2.75rem }
section.part > h2 + figure { margin-top: .25rem }
.intro { max-width: 46rem; margin-top: .4rem; color: var(--quiet) }
figure { margin-top: 1.5rem; min-width: 0 }
figcaption p { font-size: .875rem; line-height: 1.45; max-width: 46rem; text-wrap: pretty }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem }
.pair figure { display: grid; grid-row: span 2; grid-template-rows: subgrid; align-content: start }
.chart { display: block; max-width: 100%; height: auto; margin-top: 1rem; overflow: visible }
.chart text { font-size: 12px; fill: var(--ink); font-variant-numeric: tabular-nums }
.chart .tick, .chart .label, .chart .quiet { fill: var(--quiet) }
.chart .tick { font-size: 11px }
.chart .end { text-anchor: end }
.chart .middle { text-anchor: middle }
.chart .bad { fill: var(--bad); font-weight: 650 }
.chart .strong { font-weight: 650 }
.chart path { fill: none; stroke-linejoin: round; stroke-linecap: round }
.chart .grid { stroke: var(--rule) }
.chart .axis { stroke: var(--strong-rule) }
.chart .reference { stroke: var(--quiet); stroke-dasharray: 2 4 }
.chart .lead { stroke: var(--rule) }
.chart .line { stroke: currentColor; stroke-width: 1.8 }
.chart .faint { stroke: currentColor; stroke-width: 1; opacity: .22 }
.chart .bar { fill: currentColor; opacity: .2 }
.chart .rug { stroke: currentColor; opacity: .45; stroke-linecap: butt }
.chart .whisker { stroke: currentColor; stroke-width: 1.5; stroke-linecap: butt }
path.mark { fill: currentColor; stroke: var(--paper); stroke-width: 1 }
path.mark.hollow { fill: var(--paper); stroke: currentColor; stroke-width: 1.8 }
.pale { opacity: .5 }
.narrow { display: none !important }

.scroll { overflow-x: auto; max-width: 100% }
.caption { margin: 1.75rem 0 .6rem; max-width: 46rem; color: var(--quiet); font-size: .875rem; line-height: 1.45; text-wrap: pretty }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .8125rem; line-height: 1.4; font-variant-numeric: tabular-nums }
th, td { padding: .38rem .55rem; border-bottom: 1px solid var(--rule); vertical-align: baseline; white-space: nowrap; text-align: left; font-weight: 400 }
th:first-child, td:first-child { padding-left: 0 }
th:last-child, td:last-child { padding-right: 0 }
.number { text-align: right }
thead th { border-bottom-color: var(--strong-rule); color: var(--quiet); font-weight: 500; vertical-align: bottom }
tbody th { font-weight: 500 }
tbody th, td { vertical-align: top }
td .bad { white-space: normal }
.scroll tr > :first-child { position: sticky; left: 0; background: var(--paper) padding-box }
tbody tr:hover > *, .scroll tbody tr:hover th { background: var(--tint) }
th button { all: unset; cursor: pointer; color: inherit }
th button:hover { color: var(--ink) }
th button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
th[aria-sort] button { color: var(--ink) }
th[aria-sort=ascending] button::after { content: " \\2191" }
th[aria-sort=descending] button::after { content: " \\2193" }
details { margin-top: 1.25rem; font-size: .875rem }
summary { width: fit-content; cursor: pointer; color: var(--link) }
details .caption { margin-top: .75rem }
details .scroll { max-height: 24rem; overflow: auto }

.filter { margin: 1.5rem 0 -.75rem; font-size: .875rem; color: var(--quiet) }
.filter input { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--strong-rule); border-radius: 5px; padding: .25rem .5rem; width: 14rem; max-width: 60%; margin-left: .35rem }
article { padding-top: 1.75rem }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate }
.prompt { margin-top: .25rem; padding-left: .875rem; border-left: 3px solid var(--rule); color: var(--quiet); font-size: .9375rem }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18.5rem), 1fr)); gap: 1.25rem 2rem; margin-top: 1rem }
.card { min-width: 0; border-top: 1px solid var(--strong-rule); padding-top: .5rem }
.authors { display: flex; flex-wrap: wrap; gap: 0 .9rem; list-style: none; font-size: .875rem; font-weight: 500 }
.facts { font-size: .8125rem; font-variant-numeric: tabular-nums }
.card .text { margin-top: .4rem; font-size: .9375rem; line-height: 1.55 }
ins { color: var(--ink); background: var(--other); text-decoration: underline; text-decoration-color: var(--other-rule); text-decoration-thickness: 2px; text-underline-offset: 3px; text-decoration-skip-ink: none }
del { color: var(--quiet); text-decoration-color: var(--strong-rule) }
.left-out { color: var(--quiet); font-style: italic }

.note { margin-top: 1rem; font-size: .875rem; border-left: 3px solid var(--bad); padding-left: .875rem }
.command { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 1.5rem; padding: .75rem .875rem; background: var(--tint); border-radius: 6px; font-size: .8125rem; line-height: 1.5 }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.facts-tables { columns: 2 24rem; column-gap: 2.5rem }
.fact-table { break-inside: avoid; margin-bottom: 2rem }
.fact-table caption { text-align: left; font-size: .875rem; font-weight: 650; padding-bottom: .3rem }
.fact-table th, .fact-table td { white-space: normal; overflow-wrap: anywhere; min-width: 4rem }
.fact-table tbody th { width: 38%; color: var(--quiet); font-weight: 400; overflow-wrap: break-word }
.several .facts-tables { columns: 1 }
.several .fact-table { table-layout: fixed }
.fact-table thead td { border-bottom-color: var(--strong-rule) }

@media (max-width: 600px) {
  .wide { display: none !important }
  .narrow { display: block !important }
  header { padding: 1.25rem 0 1.25rem }
  h1 { font-size: 1.5rem }
  .finding { font-size: 1.125rem }
  .strategies { position: static }
  section.part { padding-top: 2.25rem }
  .scroll .name { display: inline-block; max-width: 8.5rem; white-space: normal }
}
@media print {
  :root { color-scheme: only light !important }
  @page { margin: 16mm 14mm }
  html { font-size: 13px }
  .page { max-width: none; padding: 0 }
  .scripted { display: none !important }
  html.scripted { display: block !important }
  .strategies { position: static; margin: 0; padding-inline: 0 }
  header { padding-top: 0 }
  figure, .card, tr, .prompt, .command { break-inside: avoid }
  h2, h3, figcaption, caption, .caption, thead { break-after: avoid }
  .scroll { overflow: visible }
  table { font-size: 7.2pt }
  th, td { padding: 2pt 3pt; white-space: normal }
  .pair { grid-template-columns: 1fr 1fr }
  details { display: none }
  ins { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
`
