import { Tuples } from '../tuples.js'
import type { Derivatives } from './derivatives.js'
import type { Formula } from './formulas.js'
import { namesInOrder } from './name-order.js'
import { Names } from './names.js'

/** An object that opens. */
interface Opening {
  /** Number of its list of names. */
  readonly names: number
  /** What is asked of its members, and what is watched. */
  readonly goals: readonly Formula[]
}

/** Objects that open, by what is demanded of them. */
export class Openings {
  /** Lists of names by their number. */
  readonly names: Names[] = []
  private readonly nameLists = new Tuples()
  private readonly demands = new Tuples()
  private readonly openings: Opening[] = []

  constructor(private readonly derivatives: Derivatives) {}

  /** @param demands what the object must meet, and what is watched, restricted to objects */
  of(demands: readonly Formula[]): Opening {
    const number = this.demands.intern(demands)
    this.openings[number] ??= {
      names: this.orderOf(demands),
      goals: demands.map((formula) => this.derivatives.without(formula, () => false)),
    }
    return this.openings[number]
  }

  private orderOf(demands: readonly Formula[]): number {
    const { formulas } = this.derivatives
    const numbers = namesInOrder(demands, formulas, this.derivatives)
    const list = this.nameLists.intern(numbers)
    this.names[list] ??= new Names(numbers, formulas.keys)
    return list
  }
}
