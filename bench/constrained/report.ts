import type { Statistics } from '../../src/generation/statistics.js'
import { median, table } from '../common.js'

/** One text with and without drafts of forced text: of each the fastest run. */
export interface Pair {
  readonly language: string
  readonly plain: Statistics
  readonly forced: Statistics
  readonly isSame: boolean
  /** Milliseconds of masks in the first run, in which they are made, and in the last one without drafts. */
  readonly masks: { readonly first: number; readonly last: number }
  /** The first run's. */
  readonly first: Statistics
}

type Of = (statistics: Statistics) => number

const total = (pairs: readonly Pair[], side: 'plain' | 'forced' | 'first', of: Of) =>
  pairs.reduce((sum, pair) => sum + of(pair[side]), 0)

const passes: Of = ({ steps }) => steps
const decoding: Of = (statistics) => statistics.total_time - statistics.time_to_first_token

function row(name: string, pairs: readonly Pair[]): string[] {
  const ratios = pairs.map(({ plain, forced }) => plain.total_time / forced.total_time)
  const saved = 1 - total(pairs, 'forced', passes) / total(pairs, 'plain', passes)
  const speed = total(pairs, 'plain', decoding) / total(pairs, 'forced', decoding)
  const masks = (which: 'first' | 'last') => pairs.reduce((sum, pair) => sum + pair.masks[which], 0)
  const share = (which: 'first' | 'last') =>
    masks(which) /
    (1000 * total(pairs, which === 'first' ? 'first' : 'plain', ({ verify_time }) => verify_time))
  const tokens = total(pairs, 'plain', ({ generated_tokens }) => generated_tokens)
  return [
    name,
    (tokens / pairs.length).toFixed(0),
    `${(100 * saved).toFixed(0)}%`,
    median(ratios).toFixed(2),
    `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
    speed.toFixed(2),
    ((1000 * masks('last')) / tokens).toFixed(1),
    `${(100 * share('last')).toFixed(1)}%`,
    `${(100 * share('first')).toFixed(1)}%`,
    `${pairs.filter(({ isSame }) => isSame).length} of ${pairs.length}`,
  ]
}

const HEAD = [
  'language',
  'tokens',
  'passes saved',
  'time ratio',
  'range',
  'decoding, summed',
  'mask µs a token',
  'share of passes',
  'share when new',
  'same text',
]

/** A row for all pairs and one for each language; ratios above 1 are of faster drafts. */
export function markdown(name: string, pairs: readonly Pair[]): string {
  const languages = [...new Set(pairs.map(({ language }) => language))]
  const own = (language: string) => pairs.filter((pair) => pair.language === language)
  return table(HEAD, [row(name, pairs), ...languages.map((language) => row(language, own(language)))])
}
