import type { OwnValues } from '../../drafting/drafter.js'
import { type StrategyName, strategies } from '../../drafting/table.js'
import { medusaTree } from './heads.js'

/** A strategy's own fields from the flags that stand for them. */
export function ownFromFlags(name: StrategyName, flags: Readonly<Record<string, unknown>>): OwnValues {
  const fields = Object.entries(strategies[name].own ?? {})
  const own = fields.map(([field, { flag }]) => [field, flags[flag ?? field.replaceAll('_', '-')]])
  return { ...Object.fromEntries(own), ...(name === 'medusa' && { nodes: medusaTree(flags) }) }
}
