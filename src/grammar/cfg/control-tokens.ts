import { type Automaton, CONTROL, DEAD } from '../automaton.js'

const [BEFORE, AFTER] = [1, 2]

/** One control token of a set. */
export class ControlTokens implements Automaton {
  readonly start: number
  readonly #ids: ReadonlySet<number>
  readonly #list: readonly number[]

  constructor(ids: Iterable<number>) {
    this.#ids = new Set(ids)
    this.#list = [...this.#ids]
    this.start = this.#ids.size > 0 ? BEFORE : DEAD
  }

  next(state: number, symbol: number): number {
    return state === BEFORE && this.#ids.has(symbol - CONTROL) ? AFTER : DEAD
  }

  accepts(state: number): boolean {
    return state === AFTER
  }

  freeText(): number {
    return 0
  }

  controls(state: number): readonly number[] {
    return state === BEFORE ? this.#list : []
  }

  /** No bytes spell a control token. */
  completion(): Uint8Array {
    return new Uint8Array(0)
  }
}
