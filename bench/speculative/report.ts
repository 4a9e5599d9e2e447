import type { Statistics } from '../../src/generation/statistics.js'
import type { StepCosts } from '../../src/strategies/draft-control.js'
import { median, table } from '../common.js'

export interface Run {
  readonly statistics: Statistics
  /** Where the text is not plain decoding's: the place, and by how much plain decoding preferred its token there, nats. */
  readonly difference: { readonly at: number; readonly gap: number } | undefined
}

/** One drafter, or none, on one set of prompts. */
export interface Side {
  readonly set: string
  readonly name: string
  /** By prompt. */
  readonly runs: Run[]
}

/** Tokens a second. */
export function speedOf({ statistics }: Pick<Run, 'statistics'>): number {
  return statistics.tokens_per_second
}

/**
 * A row for each set and drafter; ratios are of the same prompt's runs, against the first side of the set.
 * @param pass what a pass over so many tokens costs, in any unit
 */
export function markdown(sides: readonly Side[], pass: StepCosts['pass']): string {
  const plain = (set: string) => sides.find((side) => side.set === set)!
  const rows = sides.map((side) => {
    const { set, name, runs } = side
    const base = plain(set).runs
    const ratios = runs.map((run, i) => speedOf(run) / speedOf(base[i]))
    const total = (of: (statistics: Statistics) => number) =>
      runs.reduce((sum, { statistics }) => sum + of(statistics), 0)
    const time = total((each) => each.draft_time + each.verify_time)
    return [
      set,
      name,
      median(runs.map(speedOf)).toFixed(1),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
      (total((each) => each.generated_tokens) / total((each) => each.steps)).toFixed(2),
      median(runs.map(({ statistics }) => atBest(statistics, pass))).toFixed(2),
      acceptance(runs),
      `${((100 * total((each) => each.draft_time)) / time).toFixed(0)}%`,
      sameness(runs),
    ]
  })
  const head = [
    'prompts',
    'drafter',
    'tok/s',
    'ratio',
    'range',
    'tokens a pass',
    'at best',
    'accepted by depth',
    'drafting',
    'same text',
  ]
  return table(head, rows)
}

/**
 * What the cost model says is possible: the ratio to plain decoding if the same drafts cost nothing, and passes ran those of their tokens
 * alone that were accepted.
 */
function atBest(statistics: Statistics, pass: StepCosts['pass']): number {
  const { steps, generated_tokens, drafts_by_depth, acceptance_by_depth } = statistics
  // Steps that accepted so many tokens, at least.
  const reached = [steps, ...acceptance_by_depth.map((share, i) => share * drafts_by_depth[i]), 0]
  const cost = reached
    .slice(0, -1)
    .reduce((sum, count, accepted) => sum + (count - reached[accepted + 1]) * pass(1 + accepted), 0)
  return (generated_tokens * pass(1)) / cost
}

/** `19 of 20`, and the largest gap at which a text went another way. */
function sameness(runs: readonly Run[]): string {
  const gaps = runs.flatMap(({ difference }) => difference?.gap ?? [])
  const count = `${runs.length - gaps.length} of ${runs.length}`
  return gaps.length === 0 ? count : `${count} (gap ${Math.max(...gaps).toPrecision(1)})`
}

/** Shares by depth over all prompts, in per cent; of a prompt each depth counts as its share. */
function acceptance(runs: readonly Run[]): string {
  const byDepth = runs.map(({ statistics }) => statistics.acceptance_by_depth)
  const deepest = Math.min(4, Math.max(...byDepth.map((shares) => shares.length)))
  return Array.from({ length: deepest }, (_, depth) => {
    const shares = byDepth.flatMap((shares) => shares[depth] ?? [])
    return (100 * shares.reduce((sum, share) => sum + share, 0)) / shares.length
  })
    .map((share) => share.toFixed(0))
    .join(' ')
}
