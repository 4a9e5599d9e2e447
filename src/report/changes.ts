import type { Comparison, StrategyResult } from './comparison.js'

/** A strategy in an earlier and a later comparison. */
export interface Change {
  readonly name: string
  readonly before: StrategyResult
  readonly after: StrategyResult
  /** The interval of its tokens per second lies wholly below the earlier one, above it, or neither. */
  readonly speed: 'slower' | 'faster' | 'unchanged'
  /** Fewer of its texts are the reference's. */
  readonly fewerIdentical: boolean
  readonly regression: boolean
}

/** What became of the strategies that two comparisons share by name. */
export function changes(earlier: Comparison, later: Comparison): Change[] {
  return earlier.strategies.flatMap((before) => {
    const after = later.strategies.find(({ name }) => name === before.name)
    if (!after) return []
    const speed = speedChange(before, after)
    const fewerIdentical = after.identical < before.identical
    return [
      {
        name: before.name,
        before,
        after,
        speed,
        fewerIdentical,
        regression: speed === 'slower' || fewerIdentical,
      },
    ]
  })
}

function speedChange(before: StrategyResult, after: StrategyResult): Change['speed'] {
  const [was, is] = [before.tokens_per_second, after.tokens_per_second]
  if (is.high < was.low) return 'slower'
  return is.low > was.high ? 'faster' : 'unchanged'
}
