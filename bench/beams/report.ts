import { median, table } from '../common.js'
import type { Run, Side } from './side.js'

/** What was measured at one number of beams and one length of prompt. */
export interface Setting {
  readonly beams: number
  readonly promptLength: number
  readonly newTokens: number
  /** By side, in the order in which they were given, its runs by round. */
  readonly sides: readonly (Pick<Side, 'name'> & { readonly rounds: readonly Run[] })[]
}

const OURS = 'llm'
const PEER = 'transformers'
const BASELINE = 'repeated rows'
/** The targets. */
const SPEED_OVER_PEER = 1.5
const CACHE_SHARE = { beams: 8, promptLength: 512, atMost: 0.25 }

/** The medians, the targets and whether the sides agree, as Markdown. */
export function markdown(settings: readonly Setting[]): string {
  const head = [
    'beams',
    'prompt',
    'side',
    'total s',
    'prefill s',
    'ms/step',
    'llm is faster: total',
    'decoding',
  ]
  const cache = ['cache MB in use', 'allocated']
  const outcome = settings.flatMap(targets)
  return [
    table([...head, ...cache], settings.flatMap(rows)),
    ...(outcome.length > 0 ? [table(['target', 'reached', 'wanted', ''], outcome)] : []),
    settings.map(agreement).join('  \n'),
  ].join('\n\n')
}

function rows(setting: Setting): string[][] {
  const { beams, promptLength, sides } = setting
  return sides.map(({ name, rounds }) => {
    const seconds = (value: (run: Run) => number) => (median(rounds.map(value)) / 1e3).toFixed(2)
    const ratio = (value: (run: Run) => number) =>
      name === OURS ? '' : `${ratioOfRounds(setting, name, value).toFixed(2)}×`
    const [{ cache }] = rounds
    return [
      String(beams),
      String(promptLength),
      name,
      seconds((run) => run.total),
      seconds((run) => run.prefill),
      median(rounds.map(stepTime)).toFixed(1),
      ratio((run) => run.total),
      ratio(stepTime),
      megabytes(cache.used),
      megabytes(cache.allocated),
    ]
  })
}

function targets(setting: Setting): string[][] {
  const { beams, promptLength } = setting
  const where = `${beams} beams, prompt of ${promptLength}`
  const speed = find(setting, PEER)
    ? [
        ratioTarget(
          `speed over ${PEER}, ${where}`,
          ratioOfRounds(setting, PEER, ({ total }) => total),
        ),
      ]
    : []
  if (beams !== CACHE_SHARE.beams || promptLength !== CACHE_SHARE.promptLength) return speed
  const shares = (['used', 'allocated'] as const).map((kind) => {
    const [ours, theirs] = [OURS, BASELINE].map((name) => find(setting, name)![0].cache[kind])
    const met = verdict(ours / theirs <= CACHE_SHARE.atMost)
    const name = `cache ${kind === 'used' ? 'in use' : 'allocated'}, share of ${BASELINE}, ${where}`
    return [name, (ours / theirs).toFixed(3), `≤ ${CACHE_SHARE.atMost}`, met]
  })
  return [...speed, ...shares]
}

function ratioTarget(name: string, reached: number): string[] {
  return [name, `${reached.toFixed(2)}×`, `≥ ${SPEED_OVER_PEER}×`, verdict(reached >= SPEED_OVER_PEER)]
}

function verdict(met: boolean): string {
  return met ? 'met' : '**missed**'
}

/** Rounding may decide otherwise between candidates of nearly equal scores. */
function agreement(setting: Setting): string {
  const { beams, promptLength, sides } = setting
  const ours = find(setting, OURS)![0].tokens
  const others = sides.filter(({ name }) => name !== OURS)
  const verdicts = others.map(({ name, rounds }) => {
    const differs = ours.findIndex((token, i) => rounds[0].tokens[i] !== token)
    return differs < 0 ? `${name} agrees` : `${name} differs from token ${differs + 1} on`
  })
  return `Best sequence, ${beams} beams, prompt of ${promptLength}: ${verdicts.join(', ')}.`
}

function stepTime({ total, prefill, passes }: Run): number {
  return (total - prefill) / (passes - 1)
}

/** The median over rounds of the side's value divided by ours in the same round. */
function ratioOfRounds(setting: Setting, name: string, value: (run: Run) => number): number {
  const ours = find(setting, OURS)!
  return median(find(setting, name)!.map((run, i) => value(run) / value(ours[i])))
}

function find({ sides }: Setting, wanted: string): readonly Run[] | undefined {
  return sides.find(({ name }) => name === wanted)?.rounds
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
