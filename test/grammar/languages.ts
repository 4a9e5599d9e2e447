import { type Automaton, CONTROL, DEAD } from '../../src/grammar/automaton.js'
import type { GrammarTokens } from '../../src/grammar/tokens.js'
import { TOKEN_KIND } from '../../src/grammar/vocabulary.js'

/** Brackets that are closed again, at least one pair, to any depth: a state is the number of open ones and one, or `CLOSED`. */
export class Brackets implements Automaton {
  readonly start = 1
  next(state: number, symbol: number): number {
    if (state === CLOSED) return DEAD
    const open = state - 1
    if (symbol === 0x28) return state + 1
    if (symbol !== 0x29 || open === 0) return DEAD
    return open === 1 ? CLOSED : state - 1
  }
  accepts(state: number): boolean {
    return state === CLOSED
  }
  freeText(): number {
    return 0
  }
  controls(): readonly number[] {
    return []
  }
  completion(state: number): Uint8Array {
    if (state === CLOSED) return new Uint8Array()
    return state === 1 ? Buffer.from('()') : Buffer.from(')'.repeat(state - 1))
  }
}

const CLOSED = 2 ** 30

/** One text, in which control tokens stand as numbers. */
export class OneText implements Automaton {
  readonly start = 1
  private readonly symbols: readonly number[]
  constructor(parts: readonly (string | number)[]) {
    this.symbols = parts.flatMap((part) =>
      typeof part === 'number' ? [CONTROL + part] : [...Buffer.from(part)],
    )
  }
  next(state: number, symbol: number): number {
    return this.symbols[state - 1] === symbol ? state + 1 : DEAD
  }
  accepts(state: number): boolean {
    return state === this.symbols.length + 1
  }
  freeText(): number {
    return 0
  }
  controls(state: number): readonly number[] {
    const symbol = this.symbols[state - 1] ?? 0
    return symbol >= CONTROL ? [symbol - CONTROL] : []
  }
  completion(state: number): Uint8Array {
    return Uint8Array.from(this.completionSymbols(state).filter((symbol) => symbol < CONTROL))
  }
  completionSymbols(state: number): readonly number[] {
    return this.symbols.slice(state - 1)
  }
}

/** The ids that a language allows, every one tried byte by byte. */
export function allowedIds(automaton: Automaton, { vocabulary }: GrammarTokens, state: number): number[] {
  const allowed = (id: number): boolean => {
    const kind = vocabulary.kinds[id]
    if (kind === TOKEN_KIND.unused) return false
    if (kind === TOKEN_KIND.text) return stateAfter(automaton, state, vocabulary.bytesOf(id)) !== DEAD
    const isControl = automaton.controls(state).includes(id) && automaton.next(state, CONTROL + id) !== DEAD
    return isControl || (kind === TOKEN_KIND.end && automaton.accepts(state))
  }
  return Array.from({ length: vocabulary.size }, (_, id) => id).filter(allowed)
}

/** The state after bytes. */
export function stateAfter(automaton: Automaton, start: number, bytes: Uint8Array | string): number {
  let state = start
  for (const byte of typeof bytes === 'string' ? Buffer.from(bytes) : bytes) {
    if (state === DEAD) break
    state = automaton.next(state, byte)
  }
  return state
}
