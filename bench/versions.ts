/**
 * Commands of two checkouts in turns: what a change costs, or saves, from start-up to a batch.
 *
 *     npx tsx bench/versions.ts --before DIR [--after DIR] [--model built-in] [--rounds 9] [--workloads NAME,NAME] [--tokens 128]
 *         [--seed 0] [--threads N]
 *
 * Both are built checkouts; --after is this one by default. Every run is a process of its own, in an order that turns with each round;
 * ratios are of runs of the same round.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { lowerQuartile, median } from '../src/median.js'
import { header, positive, table } from './common.js'

const ROOT = join(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'versions-'))
process.on('exit', () => rmSync(work, { recursive: true }))

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    before: text,
    after: { ...text, default: ROOT },
    model: { ...text, default: 'built-in' },
    rounds: { ...text, default: '9' },
    workloads: text,
    tokens: { ...text, default: '128' },
    seed: { ...text, default: '0' },
    threads: { ...text, default: String(availableParallelism()) },
  },
})
if (values.before === undefined)
  throw new Error('--before is missing: give the directory of a built checkout.')
const sides = [resolve(values.before), resolve(values.after)] as const
const rounds = positive('rounds', values.rounds)

const PROMPT = 'Once upon a time there was a little girl named Lily. Lily loved her red ball. Every day Lily'
const ROWS = 64

interface Workload {
  readonly name: string
  readonly args: readonly string[]
  readonly unit: 's' | 'tok/s'
  /** By the JSON that the command prints; by default the seconds that the process took. */
  readonly figure?: (json: { tokens_per_second: number; statistics: { tokens_per_second: number } }) => number
}

const common = ['--model', values.model, '--seed', values.seed, '--threads', values.threads, '--json']
const generating = (name: string, ...words: string[]): Workload => ({
  name,
  args: [
    'generate',
    ...words,
    PROMPT,
    '--raw',
    '--max-new-tokens',
    values.tokens,
    '--min-new-tokens',
    values.tokens,
    ...common,
  ],
  unit: 'tok/s',
  figure: ({ statistics }) => statistics.tokens_per_second,
})
const rows = join(work, 'rows.jsonl')
const batch = ['batch', rows, '--raw', '--max-new-tokens', values.tokens, ...common, '--output', '/dev/null']

const WORKLOADS: readonly Workload[] = [
  { name: 'llm --version', args: ['--version'], unit: 's' },
  { name: 'llm generate --help', args: ['generate', '--help'], unit: 's' },
  { name: 'a word', args: ['generate', PROMPT, '--raw', '--max-new-tokens', '1', ...common], unit: 's' },
  generating('greedy', 'greedy'),
  generating('sample', 'sample'),
  generating('beam', 'beam'),
  generating('lookup', 'lookup', '--prompt-lookup-num-tokens', '8'),
  { name: 'batch', args: batch, unit: 'tok/s', figure: (json) => json.tokens_per_second },
]

function measure(checkout: string, { args, figure }: Workload): number {
  const started = performance.now()
  const run = spawnSync(process.execPath, [join(checkout, 'bin/run.js'), ...args], {
    encoding: 'utf8',
    input: '',
    maxBuffer: 2 ** 28,
  })
  const seconds = (performance.now() - started) / 1000
  if (run.status !== 0) throw new Error(`${args.join(' ')} of ${checkout} failed: ${run.stderr}`)
  return figure ? figure(JSON.parse(run.stdout)) : seconds
}

writeFileSync(
  rows,
  Array.from({ length: ROWS }, (_, i) => `${JSON.stringify({ id: i, prompt: `${PROMPT} ${i}` })}\n`).join(''),
)
const chosen = values.workloads?.split(',')
const unknown = chosen?.find((name) => !WORKLOADS.some((workload) => workload.name === name))
if (unknown !== undefined) {
  throw new Error(
    `There is no workload ${unknown}: there are ${WORKLOADS.map(({ name }) => name).join(', ')}.`,
  )
}

/** A row of the table. */
function compared(workload: Workload): string[] {
  for (const side of sides) measure(side, workload)
  const figures = Array.from({ length: rounds }, (_, round) => {
    const pair = [0, 0]
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) pair[i] = measure(sides[i], workload)
    return pair
  })
  const [before, after] = [0, 1].map((i) => median(figures.map((pair) => pair[i])))
  const ratios = figures.map(([was, is]) => is / was)
  const quartiles = [lowerQuartile(ratios), -lowerQuartile(ratios.map((ratio) => -ratio))]
  const shown = (value: number) => `${value.toPrecision(4)} ${workload.unit}`
  const spread = quartiles.map((quartile) => quartile.toFixed(3)).join(' to ')
  return [workload.name, shown(before), shown(after), `${median(ratios).toFixed(3)} (${spread})`]
}

const { seed, threads, model } = values
console.log(
  header('versions.ts', `Model ${model}, seed ${seed}, ${rounds} rounds, ${threads} threads`).join('\n'),
)
const measured = WORKLOADS.filter(({ name }) => chosen?.includes(name) ?? true).map(compared)
console.log(`\n${table(['', 'before', 'after', 'after / before (quartiles)'], measured)}`)
