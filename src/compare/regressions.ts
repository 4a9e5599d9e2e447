import { isJsonObject } from '../json.js'
import { changes } from '../report/changes.js'
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
    changes(first.comparison, other.comparison).flatMap(({ name, before, after, speed, fewerIdentical }) => {
      const names = { strategy: name, before: first.name, after: other.name }
      const found: Regression[] = []
      if (speed === 'slower') {
        const [from, to] = [before.tokens_per_second.median, after.tokens_per_second.median]
        found.push({ ...names, measure: 'tokens_per_second', from, to })
      }
      if (fewerIdentical) {
        found.push({ ...names, measure: 'identical', from: before.identical, to: after.identical })
      }
      return found
    }),
  )
}

export function strategyOf({ strategies }: Comparison, wanted: string): StrategyResult | undefined {
  return strategies.find(({ name }) => name === wanted)
}

/** The conditions of which two comparisons differ, so that a difference of figures need not be the strategies'. */
export function differingConditions(a: Comparison, b: Comparison): string[] {
  const conditions: Readonly<Record<string, (of: Comparison) => unknown>> = {
    machine: ({ machine }) => machine,
    versions: ({ versions }) => versions,
    // Wherever it lies.
    model: ({ model: { name: _, dtype: __, ...model } }) => model,
    dtype: ({ model }) => model.dtype,
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
    isJsonObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  )
}
