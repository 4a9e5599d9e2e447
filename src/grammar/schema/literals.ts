import type { Derivatives } from './derivatives.js'
import { FALSE, type Formula, type Formulas, Kind, TRUE } from './formulas.js'
import type { SearchBudget } from './search-budget.js'

/** Conditions that are to be met: atoms that must become true, and atoms that must not. */
export interface Literals {
  readonly positive: readonly Formula[]
  readonly negative: readonly Formula[]
}

/** Literals about members, those apart that speak of one name. */
export class NamedLiterals {
  readonly general: Literals
  /** Names that must come. */
  readonly wanted = new Set<number>()
  private readonly demands = new Map<number, Formula[]>()

  constructor(formulas: Formulas, { positive, negative }: Literals) {
    const isGeneral = (atom: Formula, sign: boolean) => {
      const [, , set, value] = formulas.tuple(atom)
      const names = formulas.keys.namesOf(set)
      if (names?.length !== 1) return true
      const demands = this.demands.get(names[0])
      const demand = sign ? value : formulas.not(value)
      if (demands) demands.push(demand)
      else this.demands.set(names[0], [demand])
      if (sign) this.wanted.add(names[0])
      return false
    }
    this.general = {
      positive: positive.filter((atom) => isGeneral(atom, true)),
      negative: negative.filter((atom) => isGeneral(atom, false)),
    }
  }

  get names(): Iterable<number> {
    return this.demands.keys()
  }

  /** The formulas that the value of a name must meet. */
  demandsOn(name: number): readonly Formula[] {
    return this.demands.get(name) ?? []
  }
}

interface List {
  readonly head: Formula
  readonly tail: List | undefined
}

/** The literals of a conjunction so far. */
class Taken {
  private readonly signs = new Map<Formula, boolean>()
  private readonly atoms: Formula[] = []

  get size(): number {
    return this.atoms.length
  }

  /** False where the opposite was taken before. */
  add(atom: Formula, sign: boolean): boolean {
    const known = this.signs.get(atom)
    if (known !== undefined) return known === sign
    this.signs.set(atom, sign)
    this.atoms.push(atom)
    return true
  }

  shrink(size: number): void {
    while (this.atoms.length > size) this.signs.delete(this.atoms.pop()!)
  }

  literals(): Literals {
    const of = (sign: boolean) => this.atoms.filter((atom) => this.signs.get(atom) === sign)
    return { positive: of(true), negative: of(false) }
  }
}

/** The conjunctions of literals that formulas are disjunctions of. */
export class Solutions {
  constructor(
    private readonly formulas: Formulas,
    private readonly derivatives: Derivatives,
    private readonly budget: SearchBudget,
  ) {}

  /** Tries the ways to make a formula true, those first that need nothing more, until one can be realised. */
  find<T>(formula: Formula, realise: (literals: Literals) => T | undefined): T | undefined {
    if (this.derivatives.closes(formula)) return realise({ positive: [], negative: [] })
    const taken = new Taken()
    const choose = (list: List | undefined): T | undefined => {
      for (let rest = list; rest; ) {
        const { head }: List = rest
        rest = rest.tail
        if (head === FALSE || !this.budget.spend()) return undefined
        const [kind, ...parts] = this.formulas.tuple(head)
        const isNegated = kind === Kind.NOT
        const atom = isNegated ? parts[0] : head
        if (kind === Kind.AND) rest = listed(parts, rest)
        else if (kind === Kind.OR || this.formulas.kind(atom) === Kind.ONE) {
          for (const way of this.ways(head)) {
            const before = taken.size
            const result = choose(listed(way, rest))
            if (result !== undefined) return result
            taken.shrink(before)
          }
          return undefined
        } else if (head !== TRUE && kind !== Kind.ORDER && !taken.add(atom, !isNegated)) return undefined
      }
      return realise(taken.literals())
    }
    return choose({ head: formula, tail: undefined })
  }

  /** The conjunctions that a formula is the disjunction of: for `or`, `one`, and the negation of `one`. */
  private *ways(formula: Formula): Generator<readonly Formula[]> {
    const { formulas } = this
    const [kind, ...parts] = formulas.tuple(formula)
    const easy = (list: readonly Formula[]) => {
      const ready = list.filter((part) => this.derivatives.closes(part))
      return [...ready, ...list.filter((part) => !ready.includes(part))]
    }
    if (kind === Kind.OR) for (const part of easy(parts)) yield [part]
    else if (kind === Kind.ONE)
      for (const part of easy(parts))
        yield [part, ...parts.filter((other) => other !== part).map((other) => formulas.not(other))]
    else {
      const several = formulas.tuple(parts[0]).slice(1)
      yield several.map((part) => formulas.not(part))
      for (const [i, first] of several.entries())
        for (const second of several.slice(i + 1)) yield [first, second]
    }
  }
}

function listed(parts: readonly Formula[], tail: List | undefined): List | undefined {
  let list = tail
  for (let i = parts.length - 1; i >= 0; i--) list = { head: parts[i], tail: list }
  return list
}
