import type { Comparison, StrategyResult } from './comparison.js'

/** A strategy in an earlier and a later comparison. */
export interface Change {
  readonly name: string
  readonly before: StrategyResult
  readonly after: StrategyResult
  /** Whether the figures of both mean the same: see `incomparable`. Where they do not, nothing is a change. */
  readonly comparable: boolean
  /** The interval of its tokens per second lies wholly below the earlier one, above it, or neither. */
  readonly speed: 'slower' | 'faster' | 'unchanged'
  /** Fewer of its texts are the reference's. */
  readonly fewerIdentical: boolean
  readonly regression: boolean
}

/** What keeps figures of two comparisons from being held against each other: what was decoded, and with what. */
export function incomparable(a: Comparison, b: Comparison): string[] {
  const texts = ({ prompts }: Comparison) => JSON.stringify(prompts.map(({ id, text }) => [id, text]))
  return [
    ...(a.model.fingerprint === b.model.fingerprint ? [] : ['model']),
    ...(a.model.dtype === b.model.dtype ? [] : ['dtype']),
    ...(texts(a) === texts(b) ? [] : ['prompts']),
  ]
}

/** What became of the strategies that two comparisons share by name. */
export function changes(earlier: Comparison, later: Comparison): Change[] {
  const comparable = incomparable(earlier, later).length === 0
  return earlier.strategies.flatMap((before) => {
    const after = later.strategies.find(({ name }) => name === before.name)
    if (!after) return []
    const speed = comparable ? speedChange(before, after) : 'unchanged'
    const fewerIdentical = comparable && after.identical < before.identical
    return [
      {
        name: before.name,
        before,
        after,
        comparable,
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
