import { table } from '../common.js'
import type { DecodeResult, Results, Speeds } from './run.js'

/** The results of all models as Markdown. */
export function markdown(header: readonly string[], results: readonly Results[]): string {
  return [header.join('  \n'), ...results.map(modelMarkdown)].join('\n\n')
}

function modelMarkdown({ name, dtype, device, peer, decode, passes, drafters }: Results): string {
  const parts = [
    `## ${name}, ${dtype} on ${device}`,
    ...(peer ? [`Beside ${peer}`] : []),
    decodeTable(decode, peer),
  ]
  const [{ seconds: one }] = passes
  parts.push(
    table(
      ['tokens of a pass', 'ms', 'times one token'],
      passes.map(({ tokens, seconds }) => [
        String(tokens),
        (1e3 * seconds).toFixed(2),
        (seconds / one).toFixed(2),
      ]),
    ),
  )
  if (drafters.length > 0) {
    parts.push(
      table(
        ['drafter', 'speed-up', 'same text'],
        drafters.map((drafter) => [
          drafter.name,
          `${drafter.speedup.toFixed(2)}×`,
          drafter.same_text ? 'yes' : 'no',
        ]),
      ),
    )
  }
  const failures = decode.flatMap(({ context, batch, ...sides }) =>
    [sides.ours, sides.theirs].flatMap((side) =>
      side && 'failure' in side ? [`- Context ${context}, batch ${batch}: ${side.failure}`] : [],
    ),
  )
  if (failures.length > 0) parts.push(failures.join('\n'))
  return parts.join('\n\n')
}

function decodeTable(results: readonly DecodeResult[], peer: string | undefined): string {
  const beside = peer ? ['theirs: decode tok/s', 'ours by theirs', 'theirs: prefill tok/s'] : []
  return table(
    ['context', 'batch', 'decode tok/s', 'share of the bandwidth', 'prefill tok/s', ...beside],
    results.map(({ context, batch, ours, theirs, ratio, share }) => [
      String(context),
      String(batch),
      figure(ours, 'decode'),
      share === undefined ? '' : `${(100 * share).toFixed(0)} %`,
      figure(ours, 'prefill'),
      ...(peer
        ? [
            figure(theirs, 'decode'),
            ratio === undefined ? '' : `${ratio.toFixed(2)}×`,
            figure(theirs, 'prefill'),
          ]
        : []),
    ]),
  )
}

function figure(side: DecodeResult['theirs'], field: keyof Speeds): string {
  if (!side) return ''
  return 'failure' in side ? 'failed' : side[field].toFixed(1)
}
