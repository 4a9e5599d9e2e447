import type { Regex } from '../regex/regex.js'
import type { RegexAutomaton } from '../regex/regex-automaton.js'
import { type Derivatives, NEXT_ITEM } from './derivatives.js'
import { FormulaEvaluator } from './evaluate.js'
import { FALSE, type Formula, type Formulas, NO_END, TRUE } from './formulas.js'
import { canonicalJson, type Json } from './json.js'
import type { KeySet, ObjectKey } from './keys.js'
import { equalTo } from './keywords/values.js'
import { type Literals, NamedLiterals } from './literals.js'
import type { Scalars } from './scalars.js'
import type { SearchBudget } from './search-budget.js'
import type { Types } from './types.js'

export type NamedValue = readonly [name: string, value: Json]

/** Languages of keys that are told apart; each doubles the kinds of keys. */
const MOST_LANGUAGES = 6
/** Items that are made in the hope that two are the same. */
const MOST_TRIES = 3

/** Values by the number of their names, in the order in which they were chosen. */
type Members = Map<number, Json>

/** A place where one of several keys may come next. */
interface Turn {
  readonly general: Literals
  readonly demand: Formula
  /** Members before it. */
  readonly count: number
  readonly candidates: Iterator<readonly [ObjectKey, string]>
}

/** Turns that can be taken back, the last ones. */
const MOST_TURNS = 16
/** Turns that are taken back in one search. */
const MOST_RETURNS = 100

/** A value, and whether no value at all would have met one of the wishes that it was to meet. */
interface Choice {
  readonly value: Json
  readonly isHopeless: boolean
}

/** The text of one of the shortest words of a language. */
export function shortestTextOf(automaton: RegexAutomaton, language: Regex): string {
  return Buffer.from(automaton.completion(automaton.stateOf(language))).toString()
}

/** Members and items that make literals true, chosen one by one. */
export class PartChoice {
  private readonly evaluator: FormulaEvaluator

  /** @param search gives a value for which a formula holds */
  constructor(
    private readonly formulas: Formulas,
    private readonly scalars: Scalars,
    private readonly derivatives: Derivatives,
    private readonly automaton: RegexAutomaton,
    private readonly budget: SearchBudget,
    private readonly search: (formula: Formula) => Json | undefined,
    types: Types,
  ) {
    this.evaluator = new FormulaEvaluator(types, scalars.regexes)
  }

  members(literals: Literals, isFree: (name: number) => boolean): readonly NamedValue[] | undefined {
    const { keys } = this.formulas
    const named = new NamedLiterals(this.formulas, literals)
    const members: Members = new Map()
    const isOpen = (name: number) => isFree(name) && !members.has(name)
    let { general } = named
    for (const name of named.wanted) {
      if (!this.budget.spend()) return undefined
      const key = keys.known(name)
      const value = isOpen(name) ? this.memberValue(key, named, general) : undefined
      const after = value === undefined ? undefined : this.afterPart(general, key, value)
      if (value === undefined || !after) return undefined
      members.set(name, value)
      general = after
    }
    if (!this.addOthers(named, general, members, isOpen)) return undefined
    return [...members].map(([name, value]) => [keys.name(name), value])
  }

  /**
   * Adds members until the other literals are met: each adds to what the first of them counts. Where one leads no further, the next
   * candidate takes its place.
   */
  private addOthers(
    named: NamedLiterals,
    first: Literals,
    members: Members,
    isOpen: (name: number) => boolean,
  ): true | undefined {
    const { keys } = this.formulas
    const turns: Turn[] = []
    let [returns, isCut] = [0, false]
    for (let general = first; general.positive.length > 0; ) {
      const [, , set, demand] = this.formulas.tuple(general.positive[0])
      const candidates = this.candidates(set, named, general, isOpen)
      turns.push({ general, demand, count: members.size, candidates })
      if (turns.length > MOST_TURNS) isCut = turns.shift() !== undefined
      for (let isAdded = false; !isAdded; ) {
        const turn = turns.at(-1)
        if (!turn) return this.budget.fail(!isCut)
        if (!this.budget.spend()) return undefined
        if (members.size > turn.count)
          for (const name of [...members.keys()].slice(turn.count)) members.delete(name)
        const next = turn.candidates.next()
        if (next.done) {
          turns.pop()
          if (++returns > MOST_RETURNS) return this.budget.fail(false)
          continue
        }
        const [key, text] = next.value
        const value = this.memberValue(key, named, turn.general, turn.demand)
        const after = value === undefined ? undefined : this.afterPart(turn.general, key, value)
        if (value === undefined || !after) continue
        members.set(keys.number(text), value)
        general = after
        isAdded = true
      }
    }
    return true
  }

  /** A value for a key: one that adds to no negative literal, and to the positive ones where it can. */
  private memberValue(
    key: ObjectKey,
    named: NamedLiterals,
    general: Literals,
    demand = TRUE,
  ): Json | undefined {
    const { formulas } = this
    const needed = [demand, ...named.demandsOn(formulas.keys.nameOf(key))]
    const wished: Formula[] = []
    for (const atom of general.positive) {
      const value = this.derivatives.covered(atom, { key })
      if (value !== undefined && value !== demand) wished.push(value)
    }
    for (const atom of general.negative) {
      const value = this.derivatives.covered(atom, { key })
      if (value === undefined) continue
      ;(formulas.tuple(atom)[1] === 1 ? needed : wished).push(formulas.not(value))
    }
    return this.valueFor(needed, wished)?.value
  }

  /** A value that meets all needs and as many of the wishes as possible: all, else one, the first that can be met, else none. */
  private valueFor(needed: readonly Formula[], wishes: readonly Formula[]): Choice | undefined {
    const { formulas, budget } = this
    const wished = wishes.filter((wish) => wish > TRUE)
    const sets = wished.length > 1 ? [wished, ...wished.map((wish) => [wish])] : wished.map((wish) => [wish])
    const { isExact } = budget
    let isHopeless = wished.length > 0
    for (const set of sets) {
      budget.isExact = true
      const value = this.search(formulas.and([...needed, ...set]))
      if (value !== undefined) {
        // Other values might have done as well, and better later on.
        budget.isExact = false
        return { value, isHopeless: false }
      }
      if (set.length === 1) isHopeless &&= budget.isExact
    }
    // Where the needs cannot be met, it does not matter why the wishes could not.
    budget.isExact = isExact
    const value = this.search(formulas.and(needed))
    if (value === undefined) return undefined
    if (wished.length > 0 && !isHopeless) budget.isExact = false
    return { value, isHopeless }
  }

  /** Keys of a set that may come: names that are known, and one new key of each kind that is told apart. */
  private *candidates(
    set: KeySet,
    named: NamedLiterals,
    { positive, negative }: Literals,
    isFree: (name: number) => boolean,
  ): Generator<readonly [ObjectKey, string]> {
    const { keys } = this.formulas
    const sets = [...positive, ...negative].map((atom) => this.formulas.tuple(atom)[2])
    const names = new Set([...named.names, ...sets.flatMap((other) => keys.namesMentioned(other))])
    for (const name of names)
      if (isFree(name) && keys.has(set, keys.known(name))) yield [keys.known(name), keys.name(name)]
    if (keys.namesOf(set)) return
    const languages = new Set<Regex>()
    for (const other of sets) keys.languagesOf(other, languages)
    if (languages.size > MOST_LANGUAGES) this.budget.isExact = false
    const told = [...languages].slice(0, MOST_LANGUAGES)
    for (let bits = 0; bits < 1 << told.length; bits++) {
      const matched = told.filter((_, i) => (bits >> i) & 1)
      const key = keys.other(matched)
      if (!keys.has(set, key)) continue
      const text = this.newName(told, matched, (name) => names.has(name) || !isFree(name))
      if (text === undefined) continue
      yield [keys.known(keys.number(text)), text]
    }
  }

  /** A short name that matches some of the languages that are told apart, and no others; undefined where there is none left. */
  private newName(
    told: readonly Regex[],
    matched: readonly Regex[],
    isTaken: (name: number) => boolean,
  ): string | undefined {
    const { keys } = this.formulas
    const { regexes, anyText } = this.scalars
    const language = regexes.and([
      anyText,
      ...told.map((each) => (matched.includes(each) ? each : regexes.not(each))),
    ])
    const shortest = (names: Regex) =>
      this.automaton.stateOf(names) === 0
        ? undefined
        : (JSON.parse(`"${shortestTextOf(this.automaton, names)}"`) as string)
    const text = shortest(language)
    if (text === undefined || !isTaken(keys.number(text))) return text
    // A language without all that is taken is a new one for each object, and takes its time.
    if (!this.budget.spend(keys.count)) return undefined
    const taken: string[] = []
    for (let number = 0; number < keys.count; number++) if (isTaken(number)) taken.push(keys.name(number))
    return shortest(regexes.and([language, regexes.not(this.scalars.texts(taken))]))
  }

  items(literals: Literals): readonly Json[] | undefined {
    const items: Json[] = []
    const seen = new Set<string>()
    /** That an item differs from those before. */
    const differs: Formula[] = []
    const unique = this.formulas.unique()
    const mustDiffer = literals.positive.includes(unique)
    let mustRepeat = literals.negative.includes(unique)
    let positive: readonly Formula[] = literals.positive.filter((atom) => atom !== unique)
    let negative: readonly Formula[] = literals.negative.filter((atom) => atom !== unique)
    // Two items are the same only where two may come.
    const { formulas } = this
    if (mustRepeat && [1, 2].some((count) => negative.includes(formulas.items(count, 0, NO_END, TRUE))))
      return undefined
    for (const atom of positive) if (this.search(this.formulas.tuple(atom)[4]) === undefined) return undefined
    while (positive.length > 0 || mustRepeat) {
      if (!this.budget.spend()) return undefined
      const needed: Formula[] = []
      const wished: Formula[] = []
      for (const atom of positive) {
        const value = this.derivatives.covered(atom, NEXT_ITEM)
        if (value === undefined) continue
        const [, count, , to] = this.formulas.tuple(atom)
        ;(to !== NO_END && to <= count ? needed : wished).push(value)
      }
      for (const atom of negative) {
        const value = this.derivatives.covered(atom, NEXT_ITEM)
        if (value !== undefined)
          (this.formulas.tuple(atom)[1] === 1 ? needed : wished).push(this.formulas.not(value))
      }
      needed.push(...differs)
      if (mustRepeat && items.length > MOST_TRIES) return this.budget.fail(false)
      const choice = this.valueFor(needed, wished)
      if (!choice) return undefined
      const { value, isHopeless } = choice
      items.push(value)
      if (mustDiffer) differs.push(this.formulas.not(equalTo(this.formulas, this.scalars, value)))
      const canonical = canonicalJson(value)
      if (seen.has(canonical)) mustRepeat = false
      seen.add(canonical)
      const after = this.afterPart({ positive, negative }, undefined, value)
      // Where nothing helps and nothing changes, no further item will.
      if (!after || (isHopeless && isSame(after.positive, positive) && isSame(after.negative, negative)))
        return undefined
      positive = after.positive
      negative = after.negative
    }
    return items
  }

  /** The literals that are left after a member or item; undefined where one can be met no more. */
  private afterPart(
    { positive, negative }: Literals,
    key: ObjectKey | undefined,
    value: Json,
  ): Literals | undefined {
    const verdict = (demand: Formula) => this.evaluator.holds(demand, value)
    const after = (atoms: readonly Formula[]) =>
      atoms.map((atom) => this.derivatives.after(atom, { key }, verdict))
    const [left, kept] = [after(positive), after(negative)]
    if (left.includes(FALSE) || kept.includes(TRUE)) return undefined
    const isOpen = (atom: Formula) => atom > TRUE
    return { positive: left.filter(isOpen), negative: kept.filter(isOpen) }
  }
}

function isSame(a: readonly Formula[], b: readonly Formula[]): boolean {
  return a.length === b.length && a.every((formula, i) => formula === b[i])
}
