import { type Automaton, DEAD } from './automaton.js'
import { bitWords, setBit } from './bits.js'
import { Endings } from './endings.js'
import { idsOf, type TokenMask } from './mask.js'
import { advance, TokenMasks } from './masks.js'
import type { GrammarTokens } from './tokens.js'
import { TOKEN_KIND } from './vocabulary.js'

/** A language over the tokens of a model. All sequences that are held to it share what is found out: masks, and the way to an end. */
export class Grammar {
  private readonly masks: TokenMasks
  private readonly endings: Endings
  private any: TokenMask | undefined
  /** The last mask that room was too little for. */
  private last: { readonly state: number; readonly room: number; readonly mask: TokenMask } | undefined

  constructor(
    readonly automaton: Automaton,
    readonly tokens: GrammarTokens,
  ) {
    this.masks = new TokenMasks(automaton, tokens)
    this.endings = new Endings(automaton, tokens)
  }

  get start(): number {
    return this.automaton.start
  }

  /** All tokens but those that end a text. */
  get anyToken(): TokenMask {
    this.any ??= maskOfKinds(this.tokens, [TOKEN_KIND.text, TOKEN_KIND.control])
    return this.any
  }

  /** The bytes that tokens add to a text. */
  bytesOf(ids: readonly number[]): Buffer {
    return Buffer.concat(ids.map((id) => this.tokens.vocabulary.bytesOf(id)))
  }

  /** The state after a token; `DEAD` where it may not follow. */
  advance(state: number, token: number): number {
    return advance(this.automaton, this.tokens.vocabulary, state, token)
  }

  /** Tokens that end the text: the fewest known. Infinity where the vocabulary cannot spell them. */
  shortest(state: number): number {
    return this.endings.shortest(state)
  }

  /**
   * Tokens after which the text can still end within `room` tokens, of which they are one; all that are allowed where none can: the text is
   * cut off then.
   */
  maskOf(state: number, room: number): TokenMask {
    const mask = this.masks.maskOf(state)
    if (this.endings.hasRoom(state, room)) return mask
    if (this.last?.state === state && this.last.room === room) return this.last.mask
    const ids = idsOf(mask).filter(this.endings.within(state, room))
    const isCut = ids.length === 0 && !this.automaton.accepts(state)
    const inTime = isCut ? mask : { ids, count: ids.length }
    this.last = { state, room, mask: inTime }
    return inTime
  }

  /** Whether a token is among those. */
  allows(state: number, token: number, room: number): boolean {
    const after = this.advance(state, token)
    return after !== DEAD && this.endings.known(after) < room
  }

  /** Whether the text may end in a state, and nothing but its end may follow within `room` tokens. */
  mustEnd(state: number, room: number): boolean {
    return (
      this.automaton.accepts(state) && this.maskOf(state, Math.max(1, room)).count === this.tokens.ends.length
    )
  }
}

function maskOfKinds({ vocabulary: { kinds } }: GrammarTokens, wanted: readonly number[]): TokenMask {
  const bits = new Int32Array(bitWords(kinds.length))
  let count = 0
  for (const [id, kind] of kinds.entries()) {
    if (!wanted.includes(kind)) continue
    setBit(bits, id)
    count++
  }
  return { bits, count }
}
