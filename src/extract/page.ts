import { Html, html } from '../report/page/html.js'
import { PAGE_STYLE } from '../report/page/style.js'
import type { Document, DocumentRow } from './rows.js'

/** One page of all documents, with the texts of records marked where they stand. */
export function extractionPage(
  title: string,
  documents: readonly Document[],
  rows: readonly DocumentRow[],
): string {
  const records = rows.reduce((sum, row) => sum + row.records.length, 0)
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(PAGE_STYLE + STYLE)}</style>
<div class="page">
<header><h1>${title}</h1><p class="about">${documents.length} documents, ${records} records. A mark is a text of a record, in its place; the names of its fields come after it.</p></header>
${rows.map((row, i) => section(documents[i], row))}
</div>
</html>
`.markup
}

const STYLE = `
.document { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.5rem; padding: 1.5rem 0; border-top: 1px solid var(--rule) }
.document h2 { grid-column: 1 / -1; overflow-wrap: anywhere }
.document pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit }
.document table { border-collapse: collapse; width: 100%; font-size: .875rem; margin-bottom: 1rem }
.document th { width: 30%; text-align: left; font-weight: 650; vertical-align: top; padding: .15rem .75rem .15rem 0; color: var(--quiet) }
.document td { overflow-wrap: anywhere; padding: .15rem 0 }
mark { background: var(--other); color: inherit; border-bottom: 2px solid var(--other-rule); border-radius: 2px }
mark small { margin-left: .25rem; font-size: .6875rem; white-space: nowrap }
@media (max-width: 48rem) { .document { grid-template-columns: minmax(0, 1fr) } }
`

function section({ id, text }: Document, { records, errors = [] }: DocumentRow): Html {
  return html`<section class="document"><h2>${String(id)}</h2>
<pre>${marked(text, records)}</pre>
<div>${records.map(({ value, conflicts = [] }) => {
    const fields = Object.entries(value as object)
    return html`<table>${fields.map(([name, each]) => html`<tr><th>${name}</th><td>${cell(each)}</td></tr>`)}</table>${conflicts.map(
      ({ field, values }) =>
        html`<p class="bad">${field}: ${values.map(({ value: each }) => cell(each)).join(' / ')}</p>`,
    )}`
  })}${errors.map(({ chunk, error }) => html`<p class="bad">Chunk ${chunk + 1}: ${error}</p>`)}</div>
</section>`
}

function cell(value: unknown): string {
  if (value === null) return '—'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A text with its spans marked: it is cut where any begins or ends, and each piece has the names of all that cover it. */
function marked(text: string, records: DocumentRow['records']): readonly (string | Html)[] {
  const characters = Array.from(text)
  const spans = records.flatMap(({ spans = {} }) => Object.entries(spans))
  const cuts = new Set([0, ...spans.flatMap(([, span]) => span), characters.length])
  const bounds = [...cuts].sort((a, b) => a - b)
  return bounds.slice(1).map((end, i) => {
    const start = bounds[i]
    const piece = characters.slice(start, end).join('')
    const over = spans.filter(([, [first, last]]) => first <= start && end <= last)
    if (over.length === 0) return piece
    const names = [...new Set(over.map(([pointer]) => pointer.slice(1)))].join(', ')
    return html`<mark title="${names}">${piece}<small>${names}</small></mark>`
  })
}
