import type { Regexes } from '../regex/nodes.js'
import { Tuples } from '../tuples.js'
import type { KeySet, Keys } from './keys.js'
import type { ScalarLanguage } from './scalar-language.js'

/** What is demanded of one JSON value, by its number in `Formulas`. Equal formulas have the same number. */
export type Formula = number

export const FALSE: Formula = 0
export const TRUE: Formula = 1

/** The first number of a formula's tuple; what follows is said in `Formulas` at the method of that name. */
export const Kind = {
  CONSTANT: 0,
  IS: 1,
  STRING: 2,
  NUMBER: 3,
  MEMBERS: 4,
  ITEMS: 5,
  UNIQUE: 6,
  ORDER: 7,
  SCHEMA: 8,
  NOT: 9,
  AND: 10,
  OR: 11,
  ONE: 12,
} as const

/** Kinds of values, each a bit. True and false are two, so that a formula may tell them apart. */
export const Type = { NULL: 1, TRUE: 2, FALSE: 4, NUMBER: 8, STRING: 16, ARRAY: 32, OBJECT: 64 } as const
export const ANY_TYPE = 127
export const SCALARS = Type.NULL | Type.TRUE | Type.FALSE | Type.NUMBER | Type.STRING

/** Looks at formulas that are a step, a power of two. */
const LOOKS = 16

/** An end of items that never comes. */
export const NO_END = -1

/**
 * Boolean formulas over what can be asked of one JSON value. Negations stand at atoms and at `one` alone, the others are pushed inwards.
 * The parts of `and` and `or` keep the order in which they came, which is the order of an object's properties.
 */
export class Formulas {
  private looks = 0
  private readonly interner = new Tuples()
  private readonly negated: Formula[] = []
  private readonly languages = new Map<number, ScalarLanguage>()

  /** @param regexes whose steps those of formulas are among */
  constructor(
    readonly keys: Keys,
    private readonly regexes: Regexes,
  ) {
    this.interner.intern([Kind.CONSTANT, 0])
    this.interner.intern([Kind.CONSTANT, 1])
    this.negated.push(TRUE, FALSE)
  }

  get size(): number {
    return this.interner.size
  }

  /** Looking at a formula is a part of a step: whatever is done with formulas is bounded by it. */
  tuple(formula: Formula): readonly number[] {
    if ((++this.looks & (LOOKS - 1)) === 0) this.regexes.charge(1)
    return this.interner.tuple(formula)
  }

  kind(formula: Formula): number {
    return this.tuple(formula)[0]
  }

  /** The value is of one of the types. */
  is(types: number): Formula {
    if ((types & ANY_TYPE) === 0) return FALSE
    return (types & ANY_TYPE) === ANY_TYPE ? TRUE : this.interner.intern([Kind.IS, types & ANY_TYPE])
  }

  /** The value is a string of the language, given as JSON text without quotation marks. */
  string(language: ScalarLanguage): Formula {
    this.languages.set(language.id, language)
    return this.interner.intern([Kind.STRING, language.id])
  }

  /** The value is a number of the language. */
  number(language: ScalarLanguage): Formula {
    this.languages.set(language.id, language)
    return this.interner.intern([Kind.NUMBER, language.id])
  }

  language(id: number): ScalarLanguage {
    return this.languages.get(id)!
  }

  /** The value is an object, in which at least `count` members have a key in the set and a value for which `value` holds. */
  members(count: number, set: KeySet, value: Formula): Formula {
    if (count <= 0) return this.is(Type.OBJECT)
    const names = this.keys.namesOf(set)
    if (value === FALSE || (names && names.length < count)) return FALSE
    if (names && names.length > 1 && names.length < 20 && count === 1)
      return this.or(names.map((name) => this.members(1, this.keys.named([this.keys.name(name)]), value)))
    return this.interner.intern([Kind.MEMBERS, count, set, value])
  }

  /** The value is an array, in which `value` holds for at least `count` of the items from index `from` up to, but not with, `to`. */
  items(count: number, from: number, to: number, value: Formula): Formula {
    if (count <= 0) return this.is(Type.ARRAY)
    if (value === FALSE || (to !== NO_END && to - from < count)) return FALSE
    return this.interner.intern([Kind.ITEMS, count, from, to, value])
  }

  /** The value is an array whose items differ. */
  unique(): Formula {
    return this.interner.intern([Kind.UNIQUE])
  }

  /** Holds always, and tells in which order an object's names are to come. */
  order(names: readonly string[]): Formula {
    if (names.length === 0) return TRUE
    return this.interner.intern([Kind.ORDER, ...names.map((name) => this.keys.number(name))])
  }

  /** What a schema demands, which is looked up when it is needed. */
  schema(node: number): Formula {
    return this.interner.intern([Kind.SCHEMA, node])
  }

  not(formula: Formula): Formula {
    this.negated[formula] ??= this.negate(formula)
    const negated = this.negated[formula]
    this.negated[negated] ??= formula
    return negated
  }

  private negate(formula: Formula): Formula {
    const [kind, ...parts] = this.tuple(formula)
    switch (kind) {
      case Kind.CONSTANT:
        return parts[0] ? FALSE : TRUE
      case Kind.IS:
        return this.is(~parts[0])
      case Kind.ORDER:
        return FALSE
      case Kind.NOT:
        return parts[0]
      case Kind.AND:
        return this.or(parts.map((part) => this.not(part)))
      case Kind.OR:
        return this.and(parts.map((part) => this.not(part)))
      default:
        return this.interner.intern([Kind.NOT, formula])
    }
  }

  and(parts: readonly Formula[]): Formula {
    const found = new Set<Formula>()
    const types = this.flatten(Kind.AND, parts, found)
    if (types === 0 || found.has(FALSE)) return FALSE
    for (const part of found) if (found.has(this.negated[part])) return FALSE
    if (types !== ANY_TYPE) return this.join(Kind.AND, [this.is(types), ...found], TRUE)
    return this.join(Kind.AND, [...found], TRUE)
  }

  /**
   * Collects the parts of a conjunction or alternation, those of the same kind within them too.
   * @returns the types of all parts that are types, as one
   */
  private flatten(kind: number, parts: readonly Formula[], found: Set<Formula>, start = 0): number {
    const isAnd = kind === Kind.AND
    let types = isAnd ? ANY_TYPE : 0
    for (let i = start; i < parts.length; i++) {
      const tuple = this.tuple(parts[i])
      let own: number | undefined
      if (tuple[0] === kind) own = this.flatten(kind, tuple, found, 1)
      else if (tuple[0] === Kind.IS) own = tuple[1]
      else if (parts[i] !== (isAnd ? TRUE : FALSE)) found.add(parts[i])
      if (own !== undefined) types = isAnd ? types & own : types | own
    }
    return types
  }

  or(parts: readonly Formula[]): Formula {
    const found = new Set<Formula>()
    const types = this.flatten(Kind.OR, parts, found)
    if (types === ANY_TYPE || found.has(TRUE)) return TRUE
    for (const part of found) if (found.has(this.negated[part])) return TRUE
    if (types !== 0) return this.join(Kind.OR, [this.is(types), ...found], FALSE)
    return this.join(Kind.OR, [...found], FALSE)
  }

  /** Exactly one of the formulas holds. */
  one(parts: readonly Formula[]): Formula {
    const counts = new Map<Formula, number>()
    for (const part of parts) if (part !== FALSE) counts.set(part, (counts.get(part) ?? 0) + 1)
    const certain = counts.get(TRUE) ?? 0
    const twice = [...counts].filter(([, count]) => count > 1).map(([part]) => part)
    const none = (excluded: Iterable<Formula>) => [...excluded].map((part) => this.not(part))
    if (certain > 1) return FALSE
    if (certain === 1) return this.and(none([...counts.keys()].filter((part) => part !== TRUE)))
    const single = [...counts.keys()].filter((part) => !twice.includes(part))
    if (twice.length > 0) return this.and([...none(twice), this.one(single)])
    if (single.length <= 1) return single[0] ?? FALSE
    return this.interner.intern([Kind.ONE, ...single])
  }

  /** The conjuncts of a formula: itself, where it is no conjunction. */
  conjuncts(formula: Formula): readonly Formula[] {
    const tuple = this.tuple(formula)
    return tuple[0] === Kind.AND ? tuple.slice(1) : [formula]
  }

  /** The conjunction of some conjuncts of one formula, in their order; `TRUE` stands for those that are left out. */
  among(conjuncts: readonly Formula[]): Formula {
    return this.join(
      Kind.AND,
      conjuncts.filter((each) => each !== TRUE),
      TRUE,
    )
  }

  private join(kind: number, parts: readonly Formula[], neutral: Formula): Formula {
    if (parts.length <= 1) return parts[0] ?? neutral
    return this.interner.intern([kind, ...parts])
  }

  /**
   * A formula with its atoms replaced.
   * @param atom gives what stands for an atom: a formula that is neither constant nor made of others
   * @param memo of the same `atom`, by formula
   */
  map(formula: Formula, atom: (formula: Formula) => Formula, memo: Map<Formula, Formula>): Formula {
    if (formula <= TRUE) return formula
    const tuple = this.tuple(formula)
    const kind = tuple[0]
    if (kind === Kind.NOT && this.kind(tuple[1]) !== Kind.ONE) return this.not(atom(tuple[1]))
    if (kind < Kind.NOT) return atom(formula)
    let mapped = memo.get(formula)
    if (mapped !== undefined) return mapped
    const parts: Formula[] = []
    let isSame = true
    for (let i = 1; i < tuple.length; i++) {
      const part = this.map(tuple[i], atom, memo)
      parts.push(part)
      isSame &&= part === tuple[i]
    }
    if (isSame) mapped = formula
    else if (kind === Kind.AND) mapped = this.and(parts)
    else if (kind === Kind.OR) mapped = this.or(parts)
    else if (kind === Kind.ONE) mapped = this.one(parts)
    else mapped = this.not(parts[0])
    memo.set(formula, mapped)
    return mapped
  }
}
