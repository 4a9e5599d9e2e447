import type { Derivatives } from './derivatives.js'
import { type Formula, type Formulas, Kind } from './formulas.js'
import type { Names } from './names.js'

/** Names that formulas speak of, in the order in which they first do; those that only a requirement speaks of come last. */
export function namesInOrder(
  demands: readonly Formula[],
  formulas: Formulas,
  derivatives: Derivatives,
): number[] {
  const ordered = new Set<number>()
  const others = new Set<number>()
  for (const demand of demands)
    derivatives.each(demand, (atom) => {
      const [kind, ...parts] = formulas.tuple(atom)
      if (kind === Kind.ORDER) for (const name of parts) ordered.add(name)
      else if (kind === Kind.MEMBERS)
        for (const name of formulas.keys.namesMentioned(parts[1])) others.add(name)
    })
  return [...new Set([...ordered, ...others])]
}

/** The first place of a name that a goal cannot do without; Infinity where there is none. */
export function firstRequiredPlace(goal: Formula, names: Names, formulas: Formulas): number {
  let first = Infinity
  for (const part of formulas.conjuncts(goal)) {
    const [kind, , set] = formulas.tuple(part)
    const required = kind === Kind.MEMBERS ? formulas.keys.namesOf(set) : undefined
    if (required?.length === 1) first = Math.min(first, names.placeOf(required[0]))
  }
  return first
}
