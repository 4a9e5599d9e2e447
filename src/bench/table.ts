import { formatBytes } from '../ui/format.js'
import type { BenchJson } from './bench.js'
import { PROMPTS, RUN_TOKENS } from './drafters.js'

/** All figures for a reader, and what they were measured with. */
export function benchText(result: BenchJson): string {
  return [
    columns(contextRows(result)),
    bandwidthLine(result),
    '',
    columns(passRows(result)),
    `A pass after ${result.forwards.context} tokens with the scores of all its own, against one of 1 token.`,
    '',
    columns(drafterRows(result)),
    `Runs: ${PROMPTS.length} prompts, ${RUN_TOKENS} tokens each. Break-even: acceptance from which a chain pays by measured costs.`,
    verdict(result),
    '',
    ...conditionLines(result),
    ...busyLines(result),
  ].join('\n')
}

function contextRows({ contexts }: BenchJson): string[][] {
  const rows = contexts.map((figures) => [
    String(figures.context),
    number(figures.prefill_tokens_per_second),
    number(figures.decode_tokens_per_second),
    formatBytes(figures.bytes_per_token),
    `${number(figures.bytes_per_second / 1e9)} GB/s`,
    figures.bandwidth_share === null ? '–' : percent(figures.bandwidth_share),
  ])
  return [['context', 'prefill tok/s', 'decode tok/s', 'read a token', 'reached', 'of memory'], ...rows]
}

function bandwidthLine({ memory_bandwidth, contexts, machine }: BenchJson): string {
  if (memory_bandwidth === null) return "Of a GPU's memory only what is reached is known."
  const measured = `The memory gives ${number(memory_bandwidth / 1e9)} GB/s to ${machine.threads} reading threads.`
  const isCached = contexts.some(({ bandwidth_share }) => bandwidth_share! > 1)
  return isCached ? `${measured} Above 100% weights come from the processor's caches.` : measured
}

function passRows({ forwards: { passes } }: BenchJson): string[][] {
  return [
    ['tokens', ...passes.map(({ tokens }) => String(tokens))],
    ['ms', ...passes.map(({ seconds }) => number(1000 * seconds))],
    ['relative', ...passes.map(({ relative }) => relative.toFixed(2))],
  ]
}

/** Acceptances whose expected speed-up has a column. */
const SHOWN = [0.5, 0.7, 0.9]

function drafterRows({ greedy, drafters }: BenchJson): string[][] {
  const head = ['strategy', 'tok/s', 'speed', 'tok/pass', 'accepted', 'same text', 'break-even']
  const rows = drafters.map((drafter) => [
    drafter.name,
    number(drafter.tokens_per_second),
    `${drafter.speedup.toFixed(2)}×`,
    drafter.tokens_per_pass.toFixed(2),
    drafter.acceptance === null ? '–' : percent(drafter.acceptance),
    drafter.same_text ? 'yes' : 'no',
    drafter.break_even === null ? 'never' : percent(drafter.break_even),
    ...SHOWN.map((shown) => {
      const expected = drafter.expected.find(({ acceptance }) => acceptance === shown)!
      return `${expected.speedup.toFixed(2)}×`
    }),
  ])
  const plain = [
    'greedy',
    number(greedy.tokens_per_second),
    '1.00×',
    greedy.tokens_per_pass.toFixed(2),
    '–',
    'yes',
    '–',
    ...SHOWN.map(() => '–'),
  ]
  return [[...head, ...SHOWN.map((shown) => `at ${percent(shown)}`)], plain, ...rows]
}

function verdict({ pays, drafters }: BenchJson): string {
  const best = drafters.find(({ name }) => name === pays)
  if (!best) return 'On these prompts no drafter pays here: none is clearly faster than greedy decoding.'
  return `On these prompts ${best.name} pays most here: ${best.speedup.toFixed(2)} times greedy decoding.`
}

function conditionLines({ machine, versions, model, rounds, seed, command }: BenchJson): string[] {
  const parameters = model.parameters.toLocaleString('en-US')
  return [
    `${model.name}: ${parameters} parameters, ${model.dtype}, ${model.device}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.threads} threads, ${formatBytes(machine.memory)}, ${machine.os}`,
    `llm ${versions.llm}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}`,
    `medians of ${rounds.forwards} rounds of forward passes and ${rounds.runs} of runs; random tokens of seed ${seed}`,
    command,
  ]
}

function busyLines({ machine: { load, cores } }: BenchJson): string[] {
  if (load <= cores) return []
  return [`Other programs kept the cores busy (load ${load.toFixed(1)}): stop them for figures that hold.`]
}

/** Three digits, or more of a large number. */
function number(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

function percent(share: number): string {
  return `${Math.round(100 * share)}%`
}

/** The first column to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
