import { type Change, changes } from '../changes.js'
import type { Comparison, StrategyResult } from '../comparison.js'

/** One of the comparisons that a page sets side by side. */
export interface Side {
  /** A, B, …; empty where there is only one. */
  readonly label: string
  readonly comparison: Comparison
  /** The one that is drawn in full; those before it are pale. */
  readonly last: boolean
}

/** A strategy by its name, in all comparisons that have it. */
export interface ComparedStrategy {
  readonly name: string
  /** Number of its colour and mark in all charts: 0 for the reference. */
  readonly style: number
  readonly entries: readonly SideEntry[]
}

/** A strategy's result in one comparison: a row of a table, a mark or a line of a chart. */
export interface SideEntry {
  readonly name: string
  readonly style: number
  readonly side: Side
  readonly result: StrategyResult
  /** Against the comparison before, where that has the strategy too. */
  readonly change?: Change
}

export interface Report {
  readonly sides: readonly Side[]
  /** The reference first, then in the order in which they occur. */
  readonly strategies: readonly ComparedStrategy[]
}

export function reportOf(comparisons: readonly Comparison[]): Report {
  const sides = comparisons.map((comparison, i) => ({
    label: comparisons.length === 1 ? '' : labelOf(i),
    comparison,
    last: i === comparisons.length - 1,
  }))
  const found = comparisons.flatMap(({ strategies }) => strategies.map(({ name }) => name))
  const names = [...new Set([comparisons[0].reference, ...found])]
  return {
    sides,
    strategies: names.map((name, style) => ({ name, style, entries: entriesOf(name, style, sides) })),
  }
}

function entriesOf(name: string, style: number, sides: readonly Side[]): SideEntry[] {
  return sides.flatMap((side, i) => {
    const result = side.comparison.strategies.find((one) => one.name === name)
    if (!result) return []
    const all = i === 0 ? [] : changes(sides[i - 1].comparison, side.comparison)
    return [{ name, style, side, result, change: all.find((one) => one.name === name) }]
  })
}

/** A, …, Z, then by number. */
function labelOf(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1)
}

export function allEntries({ strategies }: Report): SideEntry[] {
  return strategies.flatMap(({ entries }) => entries)
}

/** A strategy's name, with its comparison's letter where there are several. */
export function titleOf({ name, side }: SideEntry): string {
  return side.label ? `${name} (${side.label})` : name
}

/** Scorers of any comparison. */
export function scorersOf({ sides }: Report): string[] {
  return [...new Set(sides.flatMap(({ comparison }) => comparison.scorers))]
}
