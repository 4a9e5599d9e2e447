import { FALSE, type Formula, type Formulas, Kind, NO_END, TRUE } from './formulas.js'
import type { ObjectKey } from './keys.js'
import { PairTable } from './pair-table.js'

/** What a member or an item of a value means to the atoms of the value's formula. */
export interface ValuePart {
  /** A key of an object; undefined for the next item of an array. */
  readonly key: ObjectKey | undefined
}

/** Pairs of formulas and keys that are kept. */
const MOST_CONCERNS = 200_000

export const NEXT_ITEM: ValuePart = { key: undefined }

/**
 * Formulas of an object or array that is read part by part. A formula's derivative by a part is what remains to be demanded of the rest, as
 * for regular expressions: counts go down, and what the part decides is decided.
 */
export class Derivatives {
  private readonly closings: boolean[] = [false, true]
  /** By formula that is made of others and key, or −1 for items: 1 where a part of that key may decide something of the formula, else 0. */
  private concerns = new PairTable()

  constructor(readonly formulas: Formulas) {}

  /** Whether a formula holds where nothing more comes. */
  closes(formula: Formula): boolean {
    this.closings[formula] ??= this.evaluate(formula)
    return this.closings[formula]
  }

  private evaluate(formula: Formula): boolean {
    const [kind, ...parts] = this.formulas.tuple(formula)
    switch (kind) {
      case Kind.AND:
        return parts.every((part) => this.closes(part))
      case Kind.OR:
        return parts.some((part) => this.closes(part))
      case Kind.ONE:
        return parts.filter((part) => this.closes(part)).length === 1
      case Kind.NOT:
        return !this.closes(parts[0])
      default:
        return kind === Kind.UNIQUE || kind === Kind.ORDER
    }
  }

  /** Whether a part may decide something of a formula: another one leaves it as it is. */
  isConcerned(formula: Formula, part: ValuePart): boolean {
    const tuple = this.formulas.tuple(formula)
    const kind = tuple[0]
    if (kind < Kind.NOT)
      return part.key === undefined ? kind === Kind.ITEMS : this.covered(formula, part) !== undefined
    if (kind === Kind.NOT) return this.isConcerned(tuple[1], part)
    const key = part.key ?? -1
    const known = this.concerns.get(formula, key)
    if (known >= 0) return known === 1
    const isConcerned = tuple.some((each, i) => i > 0 && this.isConcerned(each, part))
    if (this.concerns.size >= MOST_CONCERNS) this.concerns = new PairTable()
    this.concerns.set(formula, key, isConcerned ? 1 : 0)
    return isConcerned
  }

  /** The formulas of the part's value that a formula depends on. */
  asked(formula: Formula, part: ValuePart, found: Set<Formula>): void {
    for (const conjunct of this.formulas.conjuncts(formula)) {
      if (!this.isConcerned(conjunct, part)) continue
      this.each(conjunct, (atom) => {
        const value = this.covered(atom, part)
        if (value !== undefined && value !== TRUE) found.add(value)
      })
    }
  }

  /** @param verdict of each formula that is asked */
  after(formula: Formula, part: ValuePart, verdict: (value: Formula) => boolean): Formula {
    const { formulas } = this
    const conjuncts = formulas.conjuncts(formula)
    const memo = new Map<Formula, Formula>()
    const left = conjuncts.map((each) =>
      this.isConcerned(each, part)
        ? formulas.map(each, (atom) => this.afterAtom(atom, part, verdict), memo)
        : each,
    )
    if (left.every((each, i) => each === conjuncts[i] || each === TRUE)) return formulas.among(left)
    return formulas.and(left)
  }

  private afterAtom(atom: Formula, part: ValuePart, verdict: (value: Formula) => boolean): Formula {
    const { formulas } = this
    const [kind, count, first, second, third] = formulas.tuple(atom)
    if (kind !== Kind.MEMBERS && kind !== Kind.ITEMS) return atom
    const value = this.covered(atom, part)
    const left = value !== undefined && (value === TRUE || verdict(value)) ? count - 1 : count
    if (left === 0) return TRUE
    if (kind === Kind.MEMBERS) {
      if (value !== undefined && formulas.keys.namesOf(first)?.length === 1) return FALSE
      return formulas.members(left, first, second)
    }
    const end = second === NO_END ? NO_END : second - 1
    return end === 0 ? FALSE : formulas.items(left, Math.max(0, first - 1), end, third)
  }

  /** What is left of a formula when some names come no more. */
  without(formula: Formula, isGone: (name: number) => boolean): Formula {
    const { formulas } = this
    const atom = (each: Formula): Formula => {
      const [kind, , set] = formulas.tuple(each)
      if (kind === Kind.ORDER) return TRUE
      if (kind !== Kind.MEMBERS) return each
      const names = formulas.keys.namesOf(set)
      return names?.every(isGone) ? FALSE : each
    }
    return formulas.map(formula, atom, new Map())
  }

  /** What is left of a formula when an item came that is in the array already. */
  repeated(formula: Formula): Formula {
    const atom = (each: Formula) => (this.formulas.kind(each) === Kind.UNIQUE ? FALSE : each)
    return this.formulas.map(formula, atom, new Map())
  }

  /** Whether an item may come that is the same as another, and that matters. */
  mayBeRepeated(formula: Formula): boolean {
    const { formulas } = this
    const none = formulas.not(formulas.items(1, 0, NO_END, TRUE))
    return this.isAboutRepeats(formula) && !formulas.conjuncts(formula).includes(none)
  }

  /** What is left of a formula when an item came: that all items differ means that none of the next ones is the same. */
  besides(formula: Formula, isItem: Formula): Formula {
    const { formulas } = this
    const unique = formulas.unique()
    const atom = (each: Formula) => (each === unique ? formulas.and([each, formulas.not(isItem)]) : each)
    return formulas.map(formula, atom, new Map())
  }

  /**
   * Whether an array may be one whose items do not differ, and there is a limit on their number: then the last ones may have to repeat
   * what came.
   */
  mayHaveToRepeat(formula: Formula): boolean {
    const { formulas } = this
    let isLimited = false
    let isOpen = false
    for (const conjunct of formulas.conjuncts(formula)) {
      const isMinimum = formulas.kind(conjunct) === Kind.ITEMS
      if (conjunct !== formulas.unique() && this.isAboutRepeats(conjunct)) isOpen = true
      if (isMinimum) continue
      this.each(conjunct, (atom) => {
        const [kind, , , end, value] = formulas.tuple(atom)
        isLimited ||= kind === Kind.ITEMS && end === NO_END && value === TRUE
      })
    }
    return isLimited && isOpen
  }

  /**
   * A formula of arrays with lower counts, which can be met where the formula can: what one item may be, any number may, unless a count or
   * a place is limited or items must differ.
   */
  lowered(formula: Formula): Formula {
    let isLimited = false
    const { formulas } = this
    this.each(formula, (atom) => {
      const [kind, , from, to] = formulas.tuple(atom)
      isLimited ||= kind === Kind.UNIQUE || from > 0 || to !== NO_END
    })
    for (const part of formulas.conjuncts(formula)) isLimited ||= this.isCounted(part)
    if (isLimited) return formula
    const atom = (each: Formula) => {
      const [, , from, to, value] = formulas.tuple(each)
      return formulas.items(1, from, to, value)
    }
    return formulas.map(formula, atom, new Map())
  }

  /** Whether a count above one stands anywhere but as a lower limit of its own. */
  private isCounted(part: Formula): boolean {
    let isCounted = false
    if (this.formulas.kind(part) === Kind.ITEMS) return false
    this.each(part, (atom) => {
      isCounted ||= this.formulas.tuple(atom)[1] > 1
    })
    return isCounted
  }

  /** What the part's value must meet, or the formula is lost: all that can be said without a look at how its atoms depend on each other. */
  possible(formula: Formula, part: ValuePart): Formula {
    return this.bound(formula, part, true, [new Map(), new Map()])
  }

  /**
   * @param upper whether what may still hold is asked, or what is certain
   * @param memos of certain and possible ones
   */
  private bound(
    formula: Formula,
    part: ValuePart,
    upper: boolean,
    memos: readonly Map<Formula, Formula>[],
  ): Formula {
    if (formula <= TRUE) return formula
    const { formulas } = this
    const memo = memos[upper ? 1 : 0]
    let known = memo.get(formula)
    if (known !== undefined) return known
    const [kind, ...parts] = formulas.tuple(formula)
    const bounds = (isUpper: boolean) => parts.map((each) => this.bound(each, part, isUpper, memos))
    if (kind === Kind.AND) known = formulas.and(bounds(upper))
    else if (kind === Kind.OR) known = formulas.or(bounds(upper))
    else if (kind === Kind.NOT) known = formulas.not(this.bound(parts[0], part, !upper, memos))
    else if (kind === Kind.ONE) known = this.boundOfOne(bounds(true), bounds(false), upper)
    else {
      const value = this.covered(formula, part)
      const isLast = value !== undefined && formulas.tuple(formula)[1] === 1
      if (isLast && (this.isDecided(formula) || !upper)) known = value!
      else known = upper ? TRUE : FALSE
    }
    memo.set(formula, known)
    return known
  }

  private boundOfOne(possible: readonly Formula[], certain: readonly Formula[], upper: boolean): Formula {
    const { formulas } = this
    const isExact = possible.every((part, i) => part === certain[i])
    if (isExact) return formulas.one(possible)
    if (!upper) return FALSE
    const atMostOne = formulas.or([formulas.one(certain), formulas.not(formulas.or(certain))])
    return formulas.and([formulas.or(possible), atMostOne])
  }

  /** Whether no other part can add to what an atom counts. */
  private isDecided(atom: Formula): boolean {
    const [kind, , first, second] = this.formulas.tuple(atom)
    return kind === Kind.MEMBERS ? this.formulas.keys.namesOf(first)?.length === 1 : second === 1
  }

  /** The formula of values that an atom counts, where it counts this part. */
  covered(atom: Formula, part: ValuePart): Formula | undefined {
    const tuple = this.formulas.tuple(atom)
    if (tuple[0] === Kind.MEMBERS)
      return part.key !== undefined && this.formulas.keys.has(tuple[2], part.key) ? tuple[3] : undefined
    return tuple[0] === Kind.ITEMS && part.key === undefined && tuple[2] === 0 ? tuple[4] : undefined
  }

  /** Whether it matters for a formula that the items of an array differ. */
  isAboutRepeats(formula: Formula): boolean {
    const unique = this.formulas.unique()
    let isAsked = false
    this.each(formula, (atom) => {
      isAsked ||= atom === unique
    })
    return isAsked
  }

  /** Visits all atoms of a formula. */
  each(formula: Formula, visit: (atom: Formula) => void): void {
    const seen = new Set<Formula>()
    const walk = (each: Formula) => {
      if (each <= TRUE || seen.has(each)) return
      seen.add(each)
      const [kind, ...parts] = this.formulas.tuple(each)
      if (kind === Kind.AND || kind === Kind.OR || kind === Kind.ONE || kind === Kind.NOT) parts.forEach(walk)
      else visit(each)
    }
    walk(formula)
  }
}
