import { type Automaton, DEAD, inLimits } from './automaton.js'

/** The texts of a language, with certain bytes before each: states up to their number are places in them. */
export class Prefixed implements Automaton {
  readonly start = 1

  /** @param bytes at least one */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly language: Automaton,
  ) {}

  get steps(): number | undefined {
    return this.language.steps
  }

  inLimits<T>(work: () => T): T {
    return inLimits(this.language, work)
  }

  next(state: number, symbol: number): number {
    const { bytes, language } = this
    if (state > bytes.length) return this.outer(language.next(state - bytes.length, symbol))
    if (state === DEAD || bytes[state - 1] !== symbol) return DEAD
    return state < bytes.length ? state + 1 : this.outer(language.start)
  }

  accepts(state: number): boolean {
    return this.isInside(state) && this.language.accepts(this.inner(state))
  }

  freeText(state: number): number {
    return this.isInside(state) ? this.language.freeText(this.inner(state)) : 0
  }

  freeTextIsAll(state: number): boolean {
    return this.isInside(state) && (this.language.freeTextIsAll?.(this.inner(state)) ?? false)
  }

  maskState(state: number, bytes: number): number {
    if (!this.isInside(state)) return state
    return this.outer(this.language.maskState?.(this.inner(state), bytes) ?? this.inner(state))
  }

  controls(state: number): readonly number[] {
    return this.isInside(state) ? this.language.controls(this.inner(state)) : []
  }

  completion(state: number): Uint8Array {
    if (this.isInside(state)) return this.language.completion(this.inner(state))
    return Buffer.concat([this.bytes.subarray(state - 1), this.language.completion(this.language.start)])
  }

  completionSymbols(state: number): readonly number[] {
    const { language, bytes } = this
    const symbols = (inner: number) => language.completionSymbols?.(inner) ?? [...language.completion(inner)]
    if (this.isInside(state)) return symbols(this.inner(state))
    return [...bytes.subarray(state - 1), ...symbols(language.start)]
  }

  /** Whether a state is one of the language's own. */
  private isInside(state: number): boolean {
    return state > this.bytes.length
  }

  private inner(state: number): number {
    return state - this.bytes.length
  }

  private outer(state: number): number {
    return state === DEAD ? DEAD : state + this.bytes.length
  }
}
