import { FALSE, type Formula, type Formulas, Kind, TRUE, Type } from './formulas.js'

/** Formulas for values of one type, of which nothing but what that type can be asked remains. */
export class Types {
  private readonly memos = new Map<number, Map<Formula, Formula>>()

  /** @param expand gives what a schema demands */
  constructor(
    readonly formulas: Formulas,
    private readonly expand: (schema: number) => Formula,
  ) {}

  restrict(formula: Formula, type: number): Formula {
    let memo = this.memos.get(type)
    if (!memo) {
      memo = new Map()
      this.memos.set(type, memo)
    }
    return this.formulas.map(formula, (atom) => this.atom(atom, type), memo)
  }

  private atom(atom: Formula, type: number): Formula {
    const [kind, argument] = this.formulas.tuple(atom)
    switch (kind) {
      case Kind.IS:
        return (argument & type) === 0 ? FALSE : TRUE
      case Kind.SCHEMA:
        return this.restrict(this.expand(argument), type)
      case Kind.ORDER:
        return type === Type.OBJECT ? atom : TRUE
      default:
        return ATOM_TYPES[kind] === type ? atom : FALSE
    }
  }
}

const ATOM_TYPES: Readonly<Record<number, number>> = {
  [Kind.STRING]: Type.STRING,
  [Kind.NUMBER]: Type.NUMBER,
  [Kind.MEMBERS]: Type.OBJECT,
  [Kind.ITEMS]: Type.ARRAY,
  [Kind.UNIQUE]: Type.ARRAY,
}
