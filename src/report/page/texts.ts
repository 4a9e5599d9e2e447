import type { PromptOutput } from '../comparison.js'
import { diff, type Stretch } from './diff.js'
import { type Html, html } from './html.js'
import { formatter, LOG_PROBABILITY } from './measures.js'
import { allEntries, type Report, type SideEntry } from './sides.js'
import { filterField } from './table.js'
import { strategyName } from './tables.js'

/** Words that are left out of a text without anything in their place are quoted up to this many. */
const MOST_QUOTED = 8

/** A text and all who wrote it. */
interface Version {
  readonly text: string
  readonly authors: readonly { readonly entry: SideEntry; readonly output: PromptOutput }[]
}

/** The outputs of each prompt side by side, equal ones once, with what differs from the reference's marked. */
export function texts(report: Report): Html {
  const prompts = new Map(
    report.sides.flatMap(({ comparison }) => comparison.prompts.map((prompt) => [prompt.id, prompt])),
  )
  const articles = [...prompts.values()].map(({ id, text }) => {
    const versions = versionsOf(report, id)
    const cards = versions.map((version, i) => card(version, i === 0 ? undefined : versions[0].text))
    return html`<article data-item><h3>${id}</h3><p class="prompt text" dir="auto">${text}</p>
<div class="cards">${cards}</div></article>\n`
  })
  return html`${filterField('texts', 'Filter texts')}<div id="texts">${articles}</div>`
}

/** The first is the reference's of the first comparison. */
function versionsOf(report: Report, id: string): Version[] {
  const written = allEntries(report).flatMap((entry) => {
    const output = entry.result.outputs.find((one) => one.id === id)
    return output ? [{ entry, output }] : []
  })
  const versions = [...new Set(written.map(({ output }) => output.text))]
  return versions.map((text) => ({ text, authors: written.filter(({ output }) => output.text === text) }))
}

function card({ text, authors }: Version, reference: string | undefined): Html {
  const [{ output }] = authors
  const names = authors.map(
    ({ entry }) =>
      html`<li>${strategyName(entry)}${entry.side.label && html` <small>${entry.side.label}</small>`}</li>`,
  )
  const styles = [...new Set(authors.map(({ entry }) => entry.style))].join(' ')
  const facts = [
    `${output.tokens} ${output.tokens === 1 ? 'token' : 'tokens'}`,
    output.finish_reason,
    ...(output.valid === null ? [] : [output.valid ? 'valid' : 'not valid']),
    `log-prob. ${formatter(LOG_PROBABILITY, [])(output.mean_log_probability)}`,
  ]
  const body = reference === undefined ? text : diff(reference, text).map(marked)
  return html`<section class="card" data-strategy="${styles}"><ul class="authors">${names}</ul>
<p class="facts">${facts.join(' · ')}</p>
<p class="text" dir="auto">${text === '' ? html`<span class="quiet">(no text)</span>` : body}</p></section>`
}

function marked({ text, kind }: Stretch): Html {
  if (kind === 'same') return html`${text}`
  const words = text.trimEnd()
  if (kind === 'other') return html`<ins>${words}</ins>${text.slice(words.length)}`
  const count = text.trim().split(/\s+/).length
  return count <= MOST_QUOTED
    ? html`<del>${words}</del>${text.slice(words.length)}`
    : html`<span class="left-out">[${count} words left out]</span> `
}
