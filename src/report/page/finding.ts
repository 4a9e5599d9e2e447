import { changes, incomparable } from '../changes.js'
import type { Comparison, StrategyResult } from '../comparison.js'
import { type Html, html } from './html.js'
import { isNumber } from './measures.js'
import type { Report, Side } from './sides.js'

/** What a reader should know first: which strategy was fastest and what it did to the texts, or what changed for the worse. */
export function finding(report: Report): Html {
  const { sides } = report
  const last = sides.at(-1)!.comparison
  const now = html`${speedFinding(last)}${validityFinding(last)}`
  if (sides.length === 1) return now
  const found = sides.slice(1).map((side, i) => changeFinding(sides[i], side))
  return html`${found.map((sentence) => html`${sentence} `)}${now}`
}

function speedFinding({ strategies, reference }: Comparison): Html {
  const others = strategies.filter(
    ({ name, speed_ratio }) => name !== reference && isNumber(speed_ratio.median),
  )
  const faster = others
    .filter(({ speed_ratio }) => speed_ratio.low > 1)
    .sort((a, b) => b.speed_ratio.median - a.speed_ratio.median)
  if (others.length === 0)
    return html`<b>${reference}</b> decoded alone: there is nothing to compare it with.`
  if (faster.length === 0) return html`No strategy was clearly faster than <b>${reference}</b>.`
  const [first] = faster
  const faithful = faster.find(({ identical }) => identical === 1)
  const start = html`<b>${first.name}</b> was ${times(first)} as fast as <b>${reference}</b>, with ${texts(first)}`
  if (!faithful) return html`${start}; none that was faster kept every text.`
  if (faithful === first) return html`${start}.`
  return html`${start}; <b>${faithful.name}</b> was ${times(faithful)} as fast with the same texts.`
}

/** Whether all texts that are held to a language are of it; undefined where all are free. */
function validityFinding({ strategies }: Comparison): string | undefined {
  const held = strategies.flatMap(({ outputs }) => outputs.filter(({ valid }) => valid !== null))
  if (held.length === 0) return undefined
  const broken = held.filter(({ valid }) => !valid).length
  if (broken === 0) return ' All outputs that are held to a language are valid.'
  return ` Of ${held.length} outputs that are held to a language, ${broken} ${broken === 1 ? 'is' : 'are'} not valid.`
}

function times({ speed_ratio: { median } }: StrategyResult): string {
  return `${median.toFixed(median < 1.2 ? 2 : 1)}\u00a0times`
}

function texts({ identical }: StrategyResult): string {
  if (identical === 1) return 'the same texts'
  return identical === 0 ? 'other texts' : `${(identical * 100).toFixed(0)}% of the texts the same`
}

function changeFinding(earlier: Side, later: Side): Html {
  const other = incomparable(earlier.comparison, later.comparison)
  if (other.length > 0) {
    return html`${earlier.label} and ${later.label} are not comparable, as they differ in ${other.join(' and ')}.`
  }
  const all = changes(earlier.comparison, later.comparison)
  const worse = all.filter(({ regression }) => regression)
  const sides = `from ${earlier.label} to ${later.label}`
  if (worse.length === 0) return html`No regression ${sides}.`
  const named = worse.map(({ name, speed, fewerIdentical }) => {
    const what = [
      ...(speed === 'slower' ? ['slower'] : []),
      ...(fewerIdentical ? ['fewer texts the same'] : []),
    ]
    return html`<b>${name}</b> (${what.join(', ')})`
  })
  const list = named.map((one, i) => html`${i === 0 ? '' : i === named.length - 1 ? ' and ' : ', '}${one}`)
  return html`${worse.length === 1 ? 'One regression' : `${worse.length} regressions`} ${sides}: ${list}.`
}
