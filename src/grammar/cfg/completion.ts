import { GrammarLimitError } from '../limits.js'
import type { Derivations } from './derivations.js'
import { type ItemFrames, slotOf } from './frames.js'
import type { TerminalLexemes } from './lexemes.js'
import type { GrammarSymbol } from './productions.js'
import type { Slots } from './slots.js'

/** Symbols of a completion at most. */
const LONGEST = 4_000_000

/** Shortest texts: bytes, and `CONTROL` + id for control tokens. */
export class Completions {
  constructor(
    private readonly lexemes: TerminalLexemes,
    private readonly derivations: Derivations,
    private readonly slots: Slots,
  ) {}

  /**
   * The shortest text after threads: the rest of a terminal and what follows it.
   * @throws GrammarLimitError where it has more than four million bytes
   */
  after(states: readonly number[], results: readonly ItemFrames[]): readonly number[] {
    let nearest = Infinity
    let begin: readonly number[] = []
    let frames: ItemFrames | undefined
    states.forEach((state, i) => {
      if (results[i].distance >= nearest) return
      const text = this.lexemes.completion(state)
      if (text.length + results[i].distance >= nearest) return
      nearest = text.length + results[i].distance
      begin = text
      frames = results[i]
    })
    if (!(nearest <= LONGEST))
      throw new GrammarLimitError(
        `The shortest text that ends the grammar from here has more than ${LONGEST} bytes; lower its counts.`,
      )
    const text = [...begin]
    for (; frames && !frames.accepts; frames = frames.next[frames.nearest])
      this.#spell(slotOf(frames.keys[frames.nearest]), text)
    return text
  }

  #spell(slot: number, into: number[]): void {
    const open: (readonly [GrammarSymbol, number])[] = [...this.slots.rest(slot)].reverse()
    for (let next = open.pop(); next; next = open.pop()) {
      const [symbol, count] = next
      if (count === 0 || this.derivations.length(symbol) === 0) continue
      if (count > 1) open.push([symbol, count - 1])
      if (symbol < 0) {
        for (const each of this.lexemes.completion(this.lexemes.start(~symbol))) into.push(each)
      } else {
        const { symbols, min } = this.derivations.shortest[symbol]!
        for (let i = symbols.length - 1; i >= 0; i--) open.push([symbols[i], min])
      }
    }
  }
}
