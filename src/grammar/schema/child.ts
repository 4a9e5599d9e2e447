import type { Derivatives, ValuePart } from './derivatives.js'
import { FALSE, type Formula, type Formulas, Kind, NO_END, TRUE } from './formulas.js'

/** Demands of an open object or array on its next value, and formulas whose verdict on it is wanted. */
export interface Child {
  readonly goal: Formula
  /** Formulas whose verdicts the goal does not tell. */
  readonly watched: readonly Formula[]
  /** Formulas whose verdicts follow from the goal. */
  readonly known: ReadonlyMap<Formula, boolean>
}

/** Formulas of a part whose verdicts are tried out one by one. */
const MOST_TRIED = 6
/** Verdicts that are tried: all of three formulas, and of more those that some value has. */
const MOST_VERDICTS = 8
/** Formulas of which it is not asked whether some value has a verdict: all are tried. */
const MOST_SURE = 3
/** The demand of verdicts that no value has. */
const NO_VALUE = -1

/**
 * The demand on a part's value: the whole's goal must stay within reach.
 * @param watched formulas of the whole of which a verdict is wanted whatever it is
 * @param isViable whether the whole can become valid with a goal for the parts that follow
 * @param isEmpty whether a formula holds for no value
 */
export function childOf(
  derivatives: Derivatives,
  goal: Formula,
  watched: readonly Formula[],
  part: ValuePart,
  isViable: (goal: Formula) => boolean,
  isEmpty: (formula: Formula) => boolean,
): Child {
  const { formulas } = derivatives
  const asked = new Set<Formula>()
  derivatives.asked(goal, part, asked)
  const exact =
    asked.size <= MOST_TRIED ? tried(derivatives, goal, part, [...asked], isViable, isEmpty) : undefined
  const demand = exact ?? derivatives.possible(goal, part)
  for (const formula of watched) derivatives.asked(formula, part, asked)
  const certain = new Set(formulas.conjuncts(demand))
  const known = new Map<Formula, boolean>()
  for (const formula of asked) {
    if (follow(formula, certain, formulas)) known.set(formula, true)
    else if (follow(formulas.not(formula), certain, formulas)) known.set(formula, false)
  }
  return { goal: demand, watched: [...asked].filter((formula) => !known.has(formula)), known }
}

function follow(formula: Formula, certain: ReadonlySet<Formula>, formulas: Formulas): boolean {
  return formulas.conjuncts(formula).every((each) => certain.has(each))
}

/**
 * The goal of a part's value where the whole asks each part for itself: that all members or items of some places satisfy something, that a
 * name is there, that there are enough items. What is left of it can be satisfied if the whole could be.
 * @returns undefined where the whole asks for more
 */
function ownDemand(derivatives: Derivatives, goal: Formula, part: ValuePart): Formula | undefined {
  const { formulas } = derivatives
  const demands: Formula[] = []
  if (part.key === undefined && derivatives.isAboutRepeats(goal)) return undefined
  for (const conjunct of formulas.conjuncts(goal)) {
    if (!derivatives.isConcerned(conjunct, part)) continue
    const [kind, count, first, second, third] = formulas.tuple(conjunct)
    if (kind === Kind.NOT) {
      const value = derivatives.covered(count, part)
      const isItems = formulas.kind(count) === Kind.ITEMS
      // Items that this one is not among, and a limit on their number.
      if (isItems && (value === undefined || (value === TRUE && formulas.tuple(count)[1] > 1))) continue
      if (value === undefined || value === TRUE || formulas.tuple(count)[1] !== 1) return undefined
      demands.push(formulas.not(value))
    } else if (kind === Kind.MEMBERS) {
      if (second !== TRUE || formulas.keys.namesOf(first)?.length !== 1) return undefined
    } else if (kind !== Kind.ITEMS || first !== 0 || second !== NO_END || third !== TRUE) return undefined
  }
  return formulas.and(demands)
}

/**
 * The goal of a part's value as exactly as can be: the verdicts after which the rest can become valid.
 * @returns undefined where there are too many
 */
function tried(
  derivatives: Derivatives,
  goal: Formula,
  part: ValuePart,
  asked: readonly Formula[],
  isViable: (goal: Formula) => boolean,
  isEmpty: (formula: Formula) => boolean,
): Formula | undefined {
  const { formulas } = derivatives
  const isLong = asked.length > MOST_SURE
  const verdicts = new Map<Formula, boolean>()
  let left = MOST_VERDICTS
  const branch = (i: number, value: Formula): Formula | undefined => {
    if (i === asked.length) {
      if (left-- === 0) return undefined
      return isViable(derivatives.after(goal, part, (each) => verdicts.get(each)!)) ? TRUE : FALSE
    }
    const [holds, fails] = [asked[i], formulas.not(asked[i])]
    const side = (verdict: boolean) => {
      const taken = isLong ? formulas.and([value, verdict ? holds : fails]) : value
      if (isLong && isEmpty(taken)) return NO_VALUE
      verdicts.set(holds, verdict)
      return branch(i + 1, taken)
    }
    const high = side(true)
    if (high === undefined) return undefined
    const low = side(false)
    if (low === undefined || high === low || high === NO_VALUE) return low
    if (low === NO_VALUE) return high
    // Where one side is always viable, the other one's demand alone counts beside it.
    return formulas.or([
      low === TRUE ? fails : high === TRUE ? low : formulas.and([fails, low]),
      high === TRUE ? holds : low === TRUE ? high : formulas.and([holds, high]),
    ])
  }
  return branch(0, TRUE)
}

/** A part of a whole that asks each part for itself. */
interface OwnStep {
  readonly child: Child
  /** The goal of the rest after any value that meets the child's, which can be satisfied. */
  readonly after: Formula
}

const NOT_OWN = -1
const UNKNOWN = -2

/** Steps of wholes of which no verdicts are wanted, by goal and key: many objects have the same. */
export class OwnSteps {
  /** By goal and key the number of a step; keys are counted from 0, items are none. */
  private readonly numbers = new Map<Formula, number[]>()
  private readonly steps: OwnStep[] = []

  constructor(private readonly derivatives: Derivatives) {}

  /** Undefined where the whole asks for more. */
  of(goal: Formula, part: ValuePart): OwnStep | undefined {
    const index = part.key === undefined ? 0 : part.key + 1
    let numbers = this.numbers.get(goal)
    if (!numbers) {
      numbers = []
      this.numbers.set(goal, numbers)
    }
    if ((numbers[index] ?? UNKNOWN) === UNKNOWN) numbers[index] = this.make(goal, part)
    return this.steps[numbers[index]]
  }

  private make(goal: Formula, part: ValuePart): number {
    const demand = ownDemand(this.derivatives, goal, part)
    if (demand === undefined) return NOT_OWN
    // What is asked of a value beside `TRUE` fails for one that meets the demand.
    const after = this.derivatives.after(goal, part, () => false)
    this.steps.push({ child: { goal: demand, watched: [], known: NOTHING }, after })
    return this.steps.length - 1
  }
}

const NOTHING: ReadonlyMap<Formula, boolean> = new Map()
