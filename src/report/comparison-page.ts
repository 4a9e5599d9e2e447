import { createHash } from 'node:crypto'
import { usageError } from '../errors.js'
import type { Comparison } from './comparison.js'
import { nearTies } from './near-ties.js'
import { finding } from './page/finding.js'
import { embeddedJson, Html, html } from './page/html.js'
import { acceptanceChart, latencyChart, SMOOTHED_OVER } from './page/line-charts.js'
import { figure } from './page/plot.js'
import { differences, provenance } from './page/provenance.js'
import { scatterChart } from './page/scatter-chart.js'
import { SCRIPT } from './page/script.js'
import { allEntries, type Report, reportOf, scorersOf } from './page/sides.js'
import { speedChart } from './page/speed-chart.js'
import { PAGE_STYLE } from './page/style.js'
import {
  changesTable,
  draftTable,
  languageTable,
  latencyTable,
  outputsTable,
  qualityTable,
  speedTable,
  strategyName,
} from './page/tables.js'
import { texts } from './page/texts.js'

/** Pixels: of a chart across the page, and of one of two beside each other. */
const WIDTH = { whole: 960, half: 464 }

/**
 * Comparisons as one HTML page that needs no network: a finding, charts with tables of their numbers, the texts side by
 * side, and what it takes to repeat it. It can be read without its script. The comparisons themselves are in
 * `<script id="data">`, as an array.
 * @param comparisons in the order in which they are held against each other: each against the one before
 * @throws UserError, exit code 2, if there is none
 */
export function comparisonPage(comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) throw usageError('There is no comparison to report: give at least one.')
  const report = reportOf(comparisons)
  const title = `Decoding with ${[...new Set(comparisons.map(({ model }) => model.name))].join(' and ')}`
  const page = html`<!doctype html>
<html lang="en"${comparisons.length > 1 ? html` class="several"` : undefined}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(PAGE_STYLE)}</style>
</head>
<body>
<div class="page">
${header(report, title)}
<main>
${speed(report)}
${drafts(report)}
${languages(report)}
${quality(report)}
${outputs(report)}
${repeating(report)}
</main>
</div>
<script type="application/json" id="data">${embeddedJson(comparisons)}</script>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`
  return page.markup
}

/** Nothing is loaded, and no script runs but the page's own, whatever a text contains. */
function policy(): string {
  const hash = createHash('sha256').update(SCRIPT).digest('base64')
  return `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`
}

function header(report: Report, title: string): Html {
  const { sides, strategies } = report
  const lines = sides.map(({ label, comparison: { created, prompts, repetitions, model, versions } }) =>
    [
      ...(label ? [label] : []),
      created.slice(0, 10),
      `llm ${versions.llm}`,
      `${model.dtype} on ${model.device}`,
      count(prompts.length, 'prompt'),
      `${count(repetitions, 'repetition')} each`,
    ].join(' · '),
  )
  const choices = strategies.map(
    ({ style, entries }) =>
      html`<li><label><input class="scripted" type="checkbox" checked data-choice="${style}">${
        entries.length > 0 ? strategyName(entries.at(-1)!) : undefined
      }</label></li>`,
  )
  return html`<header>
<div class="over"><span>llm compare</span><button id="theme" class="scripted" type="button">Dark theme</button></div>
<h1>${title.split('/').map((name, i) => (i === 0 ? name : html`/<wbr>${name}`))}</h1>
<p class="finding">${finding(report)}</p>
<p class="about">${lines.map((line, i) => html`${i > 0 ? html`<br>` : undefined}${line}`)}</p>
</header>
<section class="strategies" aria-label="Strategies"><ul>${choices}</ul></section>`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function part(id: string, title: string, body: Html): Html {
  return html`<section class="part" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`
}

function speed(report: Report): Html {
  const { sides } = report
  const caption = html`Medians over prompts and repetitions, with bootstrap intervals of 95%; small ticks are single runs, and the dotted line is the reference. ${marksExplained(report)}`
  const chart = figure({
    title: 'Tokens per second',
    untitled: true,
    caption,
    draw: speedChart(report),
    width: WIDTH.whole,
  })
  const changed = sides.slice(1).map((side, i) => changesTable(report, sides[i], side))
  const before =
    changed.length > 0 ? part('changes', 'Changes', html`${differenceNote(report)}${changed}`) : undefined
  return html`${before}${part('speed', 'Speed', html`${chart}${speedTable(report)}`)}`
}

function marksExplained(report: Report): string {
  const lossy = allEntries(report).some(({ result }) => result.lossy)
  const hollow = 'Hollow marks: lossy, its texts are not distributed as the model’s own. '
  const earlier = report.sides.slice(0, -1).map(({ label }) => label)
  return `${lossy ? hollow : ''}${earlier.length > 0 ? `Pale: ${earlier.join(', ')}.` : ''}`
}

/** Changes may come from what else is different. */
function differenceNote(report: Report): Html | undefined {
  const names = differences(report)
  if (names.length === 0) return undefined
  return html`<p class="note">The comparisons also differ in: ${names.join(', ')}. What changed may come from there.</p>`
}

function drafts(report: Report): Html {
  const [latency, acceptance] = [latencyChart(report), acceptanceChart(report)]
  const figures = [
    acceptance &&
      figure({
        title: 'Acceptance by depth',
        caption: 'Share of drafted tokens that were accepted, of those that came so far.',
        draw: acceptance,
        width: WIDTH.half,
      }),
    latency &&
      figure({
        title: 'Latency over time',
        caption: `Milliseconds per token: the median over ${SMOOTHED_OVER} tokens around each, and faintly each token’s own.`,
        draw: latency,
        width: WIDTH.half,
      }),
  ]
  if (!latency && !acceptance) return html``
  const numbers =
    latency && html`<details><summary>Milliseconds of each token</summary>${latencyTable(report)}</details>`
  const body = html`<div class="pair">${figures}</div>${draftTable(report)}${numbers}`
  return part('drafts', 'Drafts and latency', body)
}

function languages(report: Report): Html | undefined {
  const numbers = languageTable(report)
  return numbers && part('languages', 'Structured output', numbers)
}

function quality(report: Report): Html {
  const scatter = (title: string, caption: string, of: Parameters<typeof scatterChart>[2]) => {
    const draw = scatterChart(report, title, of)
    return draw && figure({ title: `${title} against speed`, caption, draw, width: WIDTH.half })
  }
  const figures = [
    scatter(
      'Mean log-probability',
      'Natural, per token, of the texts under the model; higher is likelier, not always better.',
      (result) => result.mean_log_probability,
    ),
    ...scorersOf(report).map((name) =>
      scatter(name, 'Mean score over all outputs.', ({ scores }) => scores[name]),
    ),
  ]
  const ties = report.sides.flatMap(({ label, comparison }) => {
    const sentence = nearTies(comparison)
    return sentence === undefined ? [] : [html`<p class="note">${label && `${label}: `}${sentence}.</p>`]
  })
  return part('quality', 'Quality', html`<div class="pair">${figures}</div>${ties}${qualityTable(report)}`)
}

function outputs(report: Report): Html {
  const { label, comparison } = report.sides[0]
  const reference = html`<b>${comparison.reference}</b>${label && ` in ${label}`}`
  const intro = html`<p class="intro">Equal texts are shown once. What differs from the text of ${reference} is <ins>marked</ins>; words that it leaves out are <del>struck</del>.</p>`
  return part('outputs', 'Texts', html`${intro}${texts(report)}${outputsTable(report)}`)
}

function repeating(report: Report): Html {
  return part('repeat', 'To repeat it', provenance(report))
}
