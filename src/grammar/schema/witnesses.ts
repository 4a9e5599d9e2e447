import type { RegexAutomaton } from '../regex/regex-automaton.js'
import type { Derivatives } from './derivatives.js'
import { FALSE, type Formula, Kind, TRUE, Type } from './formulas.js'
import { type Json, JsonNumber } from './json.js'
import { Solutions } from './literals.js'
import { type NamedValue, PartChoice, shortestTextOf } from './part-choice.js'
import type { Scalars } from './scalars.js'
import { SearchBudget } from './search-budget.js'
import type { Types } from './types.js'

/** Proven not to be. */
export const NONE = Symbol('none')
/** Neither found nor proven not to be: the search was given up. */
export const UNKNOWN = Symbol('unknown')

export type SearchResult<T> = T | typeof NONE | typeof UNKNOWN

/** Values by their type, the shortest first. */
const SHORTEST: readonly (readonly [number, Json])[] = [
  [Type.NUMBER, new JsonNumber('0')],
  [Type.STRING, ''],
  [Type.NULL, null],
  [Type.TRUE, true],
  [Type.FALSE, false],
  [Type.ARRAY, []],
  [Type.OBJECT, new Map()],
]

/** Depth of values that are made. */
const DEEPEST = 100

/**
 * Short values for which formulas hold. A value is made member by member or item by item, as it would be read; of recursive schemas the
 * least fixed point counts: a value that needs itself is none.
 */
export class Witnesses {
  private readonly found = new Map<Formula, SearchResult<Json>>()
  /** Formulas that are searched at the moment, by depth. */
  private readonly open = new Map<Formula, number>()
  /** The least depth of an open formula that the present search met and took for impossible. */
  private assumed = Infinity
  private readonly budget = new SearchBudget()
  private readonly solutions: Solutions
  private readonly choice: PartChoice

  constructor(
    private readonly types: Types,
    private readonly scalars: Scalars,
    derivatives: Derivatives,
    private readonly automaton: RegexAutomaton,
  ) {
    const search = (formula: Formula) => this.search(formula)
    this.solutions = new Solutions(types.formulas, derivatives, this.budget)
    this.choice = new PartChoice(types.formulas, scalars, derivatives, automaton, this.budget, search, types)
  }

  /** A value for which a formula holds. */
  value(formula: Formula): SearchResult<Json> {
    if (formula === FALSE) return NONE
    const ofType = this.ofType(formula)
    if (ofType !== undefined) return ofType
    const known = this.found.get(formula)
    if (known !== undefined) return known
    return this.fuelled(() => this.search(formula))
  }

  /**
   * Members that end an object.
   * @param formula that is left to be met, restricted to objects
   * @param isFree whether a name may still come
   */
  members(formula: Formula, isFree: (name: number) => boolean): SearchResult<readonly NamedValue[]> {
    return this.fuelled(() =>
      this.solutions.find(formula, (literals) => this.choice.members(literals, isFree)),
    )
  }

  /** Items that end an array. */
  items(formula: Formula): SearchResult<readonly Json[]> {
    return this.fuelled(() => this.solutions.find(formula, (literals) => this.choice.items(literals)))
  }

  private fuelled<T>(search: () => T | undefined): SearchResult<T> {
    this.budget.refill()
    this.assumed = Infinity
    const result = search()
    return result !== undefined ? result : this.budget.isExact ? NONE : UNKNOWN
  }

  /** The shortest value of a formula that asks for types alone, as a search would find it; undefined for others. */
  private ofType(formula: Formula): Json | undefined {
    const [kind, types] = this.types.formulas.tuple(formula)
    if (formula !== TRUE && kind !== Kind.IS) return undefined
    return SHORTEST.find(([type]) => formula === TRUE || (types & type) !== 0)?.[1]
  }

  private search(formula: Formula): Json | undefined {
    const ofType = this.ofType(formula)
    if (ofType !== undefined) return ofType
    const known = this.found.get(formula)
    if (known === NONE) return undefined
    if (known === UNKNOWN) return this.budget.fail(false)
    if (known !== undefined) return known
    const opened = this.open.get(formula)
    if (opened !== undefined) {
      this.assumed = Math.min(this.assumed, opened)
      return undefined
    }
    const depth = this.open.size
    if (depth > DEEPEST) return this.budget.fail(false)
    if (!this.budget.spend()) return undefined
    const [outerAssumed, outerExact] = [this.assumed, this.budget.isExact]
    this.assumed = Infinity
    this.budget.isExact = true
    this.open.set(formula, depth)
    let value = this.scalar(formula)
    if (value === undefined) value = this.array(formula) ?? this.object(formula)
    this.open.delete(formula)
    if (value !== undefined) this.found.set(formula, value)
    // What failed because an outer search is not done yet may hold when it is.
    else if (this.assumed >= depth) this.found.set(formula, this.budget.isExact ? NONE : UNKNOWN)
    const isUnsure = value === undefined && !this.budget.isExact
    this.budget.isExact = outerExact && !isUnsure
    this.assumed = Math.min(
      outerAssumed,
      value === undefined && this.assumed < depth ? this.assumed : Infinity,
    )
    return value
  }

  private scalar(formula: Formula): Json | undefined {
    const regex = this.scalars.of(formula)
    if (this.automaton.stateOf(regex) === 0) return undefined
    return scalarOf(shortestTextOf(this.automaton, regex))
  }

  private array(formula: Formula): Json | undefined {
    const demand = this.types.restrict(formula, Type.ARRAY)
    return this.solutions.find(demand, (literals) => this.choice.items(literals))
  }

  private object(formula: Formula): Json | undefined {
    const demand = this.types.restrict(formula, Type.OBJECT)
    const members = this.solutions.find(demand, (literals) => this.choice.members(literals, () => true))
    return members && new Map(members)
  }
}

function scalarOf(text: string): Json {
  const value = JSON.parse(text) as null | boolean | string | number
  return typeof value === 'number' ? new JsonNumber(text) : value
}
