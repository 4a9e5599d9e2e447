import type { Comparison } from '../comparison.js'
import { type Html, html } from './html.js'
import type { Report, Side } from './sides.js'

interface Fact {
  readonly name: string
  of(comparison: Comparison): string
}

const whole = (value: number) => value.toLocaleString('en-US')
const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

const MODEL: readonly Fact[] = [
  { name: 'Model', of: ({ model }) => model.name },
  { name: 'Fingerprint', of: ({ model }) => model.fingerprint },
  { name: 'Type of weights', of: ({ model }) => model.dtype },
  { name: 'Device', of: ({ model }) => model.device },
  {
    name: 'Parameters',
    of: ({ model }) => (model.parameters === null ? 'unknown' : whole(model.parameters)),
  },
]

const MACHINE: readonly Fact[] = [
  { name: 'Processor', of: ({ machine }) => machine.cpu },
  { name: 'Cores', of: ({ machine }) => `${machine.cores}` },
  { name: 'Threads', of: ({ machine }) => `${machine.threads}` },
  { name: 'Memory', of: ({ machine }) => gibibytes(machine.memory) },
  { name: 'System', of: ({ machine }) => machine.os },
  { name: 'llm', of: ({ versions }) => versions.llm },
  { name: 'Node', of: ({ versions }) => versions.node },
  { name: 'ONNX Runtime', of: ({ versions }) => versions.onnxruntime },
]

const MEASUREMENT: readonly Fact[] = [
  { name: 'Seed', of: ({ seed }) => `${seed}` },
  { name: 'Repetitions', of: ({ repetitions }) => `${repetitions}` },
  { name: 'Warm-up runs', of: ({ warm_up }) => `${warm_up}` },
  { name: 'Prompts', of: ({ prompts }) => `${prompts.length}` },
  {
    name: 'Tokens of prompts',
    of: ({ prompts }) => `${prompts.reduce((sum, { tokens }) => sum + tokens, 0)}`,
  },
  { name: 'Reference', of: ({ reference }) => reference },
]

/** All that a reader needs to repeat it, a column for each comparison; what is not the same in all is marked. */
export function provenance(report: Report): Html {
  const { sides } = report
  const groups: [string, readonly Fact[]][] = [
    ['Model', MODEL],
    ['Machine and versions', MACHINE],
    ['Measurement', MEASUREMENT],
    ['Settings of all strategies', settingsOf(sides)],
    ['Strategies', strategiesOf(report)],
  ]
  const tables = groups
    .filter(([, facts]) => facts.length > 0)
    .map(([title, facts]) => factTable(title, facts, sides))
  return html`${sides.map(command)}<div class="facts-tables">${tables}</div>`
}

/** Names of what is not the same in all comparisons, of what speeds and texts depend on. */
export function differences({ sides }: Report): string[] {
  const facts = [...MODEL, ...MACHINE, ...MEASUREMENT, ...settingsOf(sides)]
  const texts: Fact = { name: 'Texts of prompts', of: ({ prompts }) => JSON.stringify(prompts) }
  return [...facts, texts].filter((fact) => differs(fact, sides)).map(({ name }) => name)
}

function differs({ of }: Fact, sides: readonly Side[]): boolean {
  return new Set(sides.map(({ comparison }) => of(comparison))).size > 1
}

function settingsOf(sides: readonly Side[]): Fact[] {
  const names = new Set(sides.flatMap(({ comparison }) => Object.keys(comparison.settings)))
  return [...names].map((name) => ({
    name,
    of: ({ settings }) => (name in settings ? shown(settings[name]) : '–'),
  }))
}

function strategiesOf({ strategies }: Report): Fact[] {
  return strategies.map(({ name }) => ({
    name,
    of: (comparison) => {
      const result = comparison.strategies.find((one) => one.name === name)
      if (!result) return '–'
      const settings = Object.entries(result.settings).map(([key, value]) => `${key}=${shown(value)}`)
      return [result.specification, ...settings].join(' · ')
    },
  }))
}

function command({ label, comparison }: Side): Html {
  return html`<p class="intro">${label && html`<b>${label}</b>. `}Measured ${comparison.created} with</p>
<pre class="command"><code>${comparison.command}</code></pre>\n`
}

function factTable(title: string, facts: readonly Fact[], sides: readonly Side[]): Html {
  const heads =
    sides.length > 1
      ? html`<thead><tr><td></td>${sides.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>`
      : undefined
  const rows = facts.map((fact) => {
    const tag = differs(fact, sides) ? html` <span class="tag">differs</span>` : undefined
    const values = sides.map(({ comparison }) => html`<td>${fact.of(comparison)}</td>`)
    return html`<tr><th scope="row">${fact.name}${tag}</th>${values}</tr>\n`
  })
  return html`<table class="fact-table"><caption>${title}</caption>${heads}<tbody>${rows}</tbody></table>\n`
}
