import { lineChart, type Series } from '../report/chart.js'
import { stackCharts } from '../report/stack.js'
import type { BenchJson } from './bench.js'

/** Speeds by context, the cost of passes, and what drafters promise by acceptance, as one SVG document. */
export function benchChart(figures: BenchJson): string {
  return stackCharts([speedByContext(figures), costOfPasses(figures), expectedSpeedup(figures)])
}

function line<Item>(
  name: string,
  items: readonly Item[],
  x: (item: Item) => number,
  y: (item: Item) => number,
): Series {
  return { name, points: items.map((item) => ({ x: x(item), y: y(item) })) }
}

function speedByContext({ model, contexts }: BenchJson) {
  const byContext = (name: string, y: (figures: BenchJson['contexts'][number]) => number) =>
    line(name, contexts, ({ context }) => context, y)
  return lineChart({
    title: `Speed by context: ${model.name}, ${model.dtype} on ${model.device}`,
    xLabel: 'tokens of context',
    panels: [
      { yLabel: 'decoded tok/s', series: [byContext('decoding', (at) => at.decode_tokens_per_second)] },
      { yLabel: 'prefill tok/s', series: [byContext('prefill', (at) => at.prefill_tokens_per_second)] },
    ],
  })
}

function costOfPasses({ forwards: { context, passes } }: BenchJson) {
  const cost = line(
    'pass',
    passes,
    ({ tokens }) => tokens,
    ({ relative }) => relative,
  )
  return lineChart({
    title: `Passes of several tokens after ${context}: cost relative to one`,
    xLabel: 'tokens of the pass',
    panels: [{ yLabel: 'relative cost', series: [cost] }],
  })
}

function expectedSpeedup({ drafters }: BenchJson) {
  const series = drafters.map(({ name, expected }) =>
    line(
      name,
      expected,
      ({ acceptance }) => acceptance,
      ({ speedup }) => speedup,
    ),
  )
  return lineChart({
    title: 'Expected speed-up of the best chain, by acceptance',
    xLabel: 'probability that a drafted token is accepted',
    panels: [{ yLabel: 'times greedy decoding', series }],
  })
}
