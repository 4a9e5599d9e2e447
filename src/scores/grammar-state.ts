import { UserError } from '../errors.js'
import { DEAD } from '../grammar/automaton.js'
import type { Grammar } from '../grammar/grammar.js'
import { GrammarLimitError } from '../grammar/limits.js'
import { allows, type TokenMask, withToken } from '../grammar/mask.js'
import { type Prefix, tokensOf } from '../model/prefix.js'
import { prefixState } from '../model/prefix-state.js'

/** A block of thinking, which may come before the answer. */
export interface ThinkingBlock {
  /** Whether the block goes on after a prefix. */
  isInside(prefix: Prefix): boolean
  /** The token that may open it where the prompt has not done so. */
  readonly opening: number | undefined
}

/** Characters of the text so far that an error shows, its last ones. */
const SHOWN = 40

/** The state of a prefix inside a block of thinking, of which the grammar knows nothing. */
const THINKING = -1

export interface GrammarStateOptions {
  readonly grammar: Grammar
  /** Tokens before the answer. */
  readonly promptLength: number
  /** The most tokens of the whole sequence. */
  readonly limit: number
  readonly thinking?: ThinkingBlock
}

/**
 * The state of a grammar after each prefix of an answer. It hangs off the prefix, so that drafts, beams and rows of a batch have each
 * their own, and what is rejected is garbage. The answer begins after a block of thinking, where there is one.
 */
export class GrammarState {
  private readonly stateOf: (prefix: Prefix) => number

  constructor(private readonly options: GrammarStateOptions) {
    const { grammar, promptLength, thinking } = options
    this.stateOf = prefixState(
      () => grammar.start,
      (state, prefix) => {
        const { token, length } = prefix
        if (length < promptLength || state === DEAD) return state
        const mayOpen = length === promptLength + 1 && token === thinking?.opening
        if (length === promptLength || state === THINKING || mayOpen) {
          return thinking?.isInside(prefix) ? THINKING : grammar.start
        }
        return grammar.advance(state, token)
      },
    )
  }

  /** The grammar's state after a prefix; `DEAD` after a token that was not allowed, and inside a block of thinking. */
  after(prefix: Prefix): number {
    return this.placing(prefix, () => Math.max(DEAD, this.stateOf(prefix)))
  }

  /** Tokens that may follow, so that the text can end within the limit. */
  allowed(prefix: Prefix): TokenMask {
    return this.placing(prefix, () => {
      const { grammar } = this.options
      const state = this.stateOf(prefix)
      if (state === THINKING) return grammar.anyToken
      const mask = grammar.maskOf(state, this.roomAfter(prefix))
      const opening = this.openingAfter(prefix)
      return opening === undefined ? mask : withToken(mask, opening)
    })
  }

  /** Whether the last token of a prefix may stand there. */
  isAllowed({ token, parent }: Prefix): boolean {
    if (!parent) return false
    const { grammar } = this.options
    const state = this.stateOf(parent)
    if (state === THINKING) return allows(grammar.anyToken, token)
    return token === this.openingAfter(parent) || grammar.allows(state, token, this.roomAfter(parent))
  }

  /** Whether a prefix has a token that was not allowed. */
  isDead(prefix: Prefix): boolean {
    return this.stateOf(prefix) === DEAD
  }

  /** Whether the text is complete, and nothing may follow within the limit but its end. */
  isOver(prefix: Prefix): boolean {
    return this.placing(prefix, () => {
      const state = this.stateOf(prefix)
      return state > DEAD && this.options.grammar.mustEnd(state, this.roomAfter(prefix))
    })
  }

  /** The tokens of a sequence that are its answer; undefined where it is not complete. */
  answerOf(prefix: Prefix): readonly number[] | undefined {
    const { grammar, promptLength } = this.options
    const state = this.stateOf(prefix)
    if (state <= DEAD || !grammar.automaton.accepts(state)) return undefined
    let first = prefix
    while (first.length > promptLength && this.stateOf(first.parent!) !== THINKING) first = first.parent!
    return tokensOf(prefix, prefix.length - first.length)
  }

  /** The place after a prefix as a sentence: what the text ends in. */
  placeAfter(prefix: Prefix): string {
    const { grammar, promptLength } = this.options
    const ids = tokensOf(prefix, Math.min(SHOWN, prefix.length - promptLength))
    if (ids.length === 0) return 'It is at the beginning of the text.'
    const text = grammar.bytesOf(ids).toString()
    return `The text so far ends in ${JSON.stringify(Array.from(text).slice(-SHOWN).join(''))}.`
  }

  /** @throws UserError as `work`, with the place where a limit is met */
  private placing<T>(prefix: Prefix, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof GrammarLimitError)) throw error
      throw new UserError(`${error.message} ${this.placeAfter(prefix)}`, error.exitCode, { cause: error })
    }
  }

  private roomAfter({ length }: Prefix): number {
    return this.options.limit - length
  }

  private openingAfter({ length }: Prefix): number | undefined {
    const { promptLength, thinking } = this.options
    return length === promptLength ? thinking?.opening : undefined
  }
}
