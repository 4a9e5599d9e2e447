import { lineChart, type Series } from '../report/chart.js'
import { stackCharts } from '../report/stack.js'
import type { BenchJson } from './bench.js'

/** Speeds by context, the cost of passes, and what drafters promise by acceptance, as one SVG document. */
export function benchChart({ model, contexts, forwards, drafters }: BenchJson): string {
  const line = <Item>(
    name: string,
    items: readonly Item[],
    x: (item: Item) => number,
    y: (item: Item) => number,
  ) => ({ name, points: items.map((item) => ({ x: x(item), y: y(item) })) }) satisfies Series
  const byContext = (name: string, y: (figures: BenchJson['contexts'][number]) => number) =>
    line(name, contexts, ({ context }) => context, y)
  const about = `${model.name}, ${model.dtype} on ${model.device}`
  return stackCharts([
    lineChart({
      title: `Speed by context: ${about}`,
      xLabel: 'tokens of context',
      panels: [
        {
          yLabel: 'decoded tok/s',
          series: [byContext('decoding', (figures) => figures.decode_tokens_per_second)],
        },
        {
          yLabel: 'prefill tok/s',
          series: [byContext('prefill', (figures) => figures.prefill_tokens_per_second)],
        },
      ],
    }),
    lineChart({
      title: `Passes of several tokens after ${forwards.context}: cost relative to one`,
      xLabel: 'tokens of the pass',
      panels: [
        {
          yLabel: 'relative cost',
          series: [
            line(
              'pass',
              forwards.passes,
              ({ tokens }) => tokens,
              ({ relative }) => relative,
            ),
          ],
        },
      ],
    }),
    lineChart({
      title: 'Expected speed-up of the best chain, by acceptance',
      xLabel: 'probability that a drafted token is accepted',
      panels: [
        {
          yLabel: 'times greedy decoding',
          series: drafters.map(({ name, expected }) =>
            line(
              name,
              expected,
              ({ acceptance }) => acceptance,
              ({ speedup }) => speedup,
            ),
          ),
        },
      ],
    }),
  ])
}
