import type { Derivatives, ValuePart } from './derivatives.js'
import { FALSE, type Formula, TRUE } from './formulas.js'

/** Demands of an open object or array on its next value, and formulas whose verdict on it is wanted. */
export interface Child {
  readonly goal: Formula
  /** Formulas whose verdicts the goal does not tell. */
  readonly watched: readonly Formula[]
  /** Formulas whose verdicts follow from the goal. */
  readonly known: ReadonlyMap<Formula, boolean>
}

/** Formulas of a part whose verdicts are tried out one by one. */
const MOST_TRIED = 3

/**
 * The demand on a part's value: the whole's goal must stay within reach.
 * @param watched formulas of the whole of which a verdict is wanted whatever it is
 * @param isViable whether the whole can become valid with a goal for the parts that follow
 */
export function childOf(
  derivatives: Derivatives,
  goal: Formula,
  watched: readonly Formula[],
  part: ValuePart,
  isViable: (goal: Formula) => boolean,
): Child {
  const { formulas } = derivatives
  const asked = new Set<Formula>()
  derivatives.asked(goal, part, asked)
  const isFew = asked.size <= MOST_TRIED
  const demand = isFew
    ? tried(derivatives, goal, part, [...asked], isViable)
    : derivatives.possible(goal, part)
  for (const formula of watched) derivatives.asked(formula, part, asked)
  const certain = new Set(formulas.conjuncts(demand))
  const follows = (formula: Formula) => formulas.conjuncts(formula).every((each) => certain.has(each))
  const known = new Map<Formula, boolean>()
  for (const formula of asked) {
    if (follows(formula)) known.set(formula, true)
    else if (follows(formulas.not(formula))) known.set(formula, false)
  }
  return { goal: demand, watched: [...asked].filter((formula) => !known.has(formula)), known }
}

/** The goal of a part's value as exactly as can be: the verdicts after which the rest can become valid. */
function tried(
  derivatives: Derivatives,
  goal: Formula,
  part: ValuePart,
  asked: readonly Formula[],
  isViable: (goal: Formula) => boolean,
): Formula {
  const { formulas } = derivatives
  const verdicts = new Map<Formula, boolean>()
  const branch = (i: number): Formula => {
    if (i === asked.length)
      return isViable(derivatives.after(goal, part, (value) => verdicts.get(value)!)) ? TRUE : FALSE
    const [holds, fails] = [asked[i], formulas.not(asked[i])]
    verdicts.set(holds, true)
    const high = branch(i + 1)
    verdicts.set(holds, false)
    const low = branch(i + 1)
    if (high === low) return high
    // Where one side is always viable, the other one's demand alone counts beside it.
    return formulas.or([
      low === TRUE ? fails : high === TRUE ? low : formulas.and([fails, low]),
      high === TRUE ? holds : low === TRUE ? high : formulas.and([holds, high]),
    ])
  }
  return branch(0)
}
