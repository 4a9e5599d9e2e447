import type { Comparison, StrategyResult } from '../report/comparison.js'

/** A comparison, and what it is called. */
export interface NamedComparison {
  /** Of its file. */
  readonly name: string
  readonly comparison: Comparison
}

/** What has become worse from one comparison to a later one. */
export interface Regression {
  readonly strategy: string
  /** The names of the comparisons. */
  readonly before: string
  readonly after: string
  readonly measure: 'tokens_per_second' | 'identical'
  /** Medians of tokens per second, or shares of outputs whose text is the reference's. */
  readonly from: number
  readonly to: number
}

/**
 * Regressions of each later comparison against the first, by the names of strategies: tokens per second whose interval lies
 * wholly below the earlier one, and fewer texts that are the reference's.
 */
export function findRegressions([first, ...later]: readonly NamedComparison[]): Regression[] {
  return later.flatMap((other) =>
    other.comparison.strategies.flatMap((strategy) => {
      const earlier = strategyOf(first.comparison, strategy.name)
      const names = { strategy: strategy.name, before: first.name, after: other.name }
      return earlier ? regressionsOf(earlier, strategy).map((found) => ({ ...names, ...found })) : []
    }),
  )
}

export function strategyOf({ strategies }: Comparison, wanted: string): StrategyResult | undefined {
  return strategies.find(({ name }) => name === wanted)
}

function regressionsOf(before: StrategyResult, after: StrategyResult) {
  const found: Pick<Regression, 'measure' | 'from' | 'to'>[] = []
  const [speed, now] = [before.tokens_per_second, after.tokens_per_second]
  if (now.high < speed.low) found.push({ measure: 'tokens_per_second', from: speed.median, to: now.median })
  if (after.identical < before.identical) {
    found.push({ measure: 'identical', from: before.identical, to: after.identical })
  }
  return found
}

/** The conditions of which two comparisons differ, so that a difference of figures need not be the strategies'. */
export function differingConditions(a: Comparison, b: Comparison): string[] {
  const conditions: Readonly<Record<string, (of: Comparison) => unknown>> = {
    machine: ({ machine }) => machine,
    versions: ({ versions }) => versions,
    // Wherever it lies.
    model: ({ model: { name: _, ...model } }) => model,
    settings: ({ settings }) => settings,
    seed: ({ seed }) => seed,
    prompts: ({ prompts }) => prompts,
    reference: ({ reference }) => reference,
  }
  return Object.keys(conditions).filter(
    (name) => canonical(conditions[name](a)) !== canonical(conditions[name](b)),
  )
}

/** JSON in which the order of fields does not count. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
