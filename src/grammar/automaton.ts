import type { Lexical } from './lexical.js'

/** The state from which no text is accepted. */
export const DEAD = 0

/**
 * A language of texts as an automaton over their bytes in UTF-8, built as it is walked. States are interned numbers: texts after which the
 * same may follow lead to the same number, as far as the language can tell. A regular expression, a JSON schema and a context-free grammar
 * are one each; masks, forced text, drafts and the length of what is missing know nothing else of them.
 */
export interface Automaton {
  /** `DEAD` where the language is empty. */
  readonly start: number
  /** Steps taken so far to make states, about half a microsecond each: a mask that takes too many is refused. */
  readonly steps?: number
  /** Does work that asks this automaton, in a limited number of steps: what takes more is refused. By default it is not limited. */
  inLimits?<T>(work: () => T): T
  /**
   * @param symbol a byte, or `CONTROL` + the id of a control token
   * @throws GrammarLimitError where the language needs more states or steps than are allowed
   */
  next(state: number, symbol: number): number
  /** Whether the text may end here. */
  accepts(state: number): boolean
  /**
   * Characters of free text that may follow, whatever they are: any code points but controls, the quotation mark and the backslash.
   * Infinity for no limit; 0 also where it is not known.
   */
  freeText(state: number): number
  /** Whether no more than `freeText` characters of free text may follow, so that longer tokens need not be tried; false where it is not known. */
  freeTextIsAll?(state: number): boolean
  /**
   * A state after which the same tokens of up to so many bytes may follow, but for those that repeat something within themselves
   * (`repeatingTokens`): one for many states, so that masks are few. By default the state itself.
   */
  maskState?(state: number, bytes: number): number
  /** Bytes that may follow, a flag each, [256]: all others are told to be dead at once. Undefined where bytes are to be tried. */
  candidates?(state: number): Uint8Array | undefined
  /** How the language reads words, where their masks can be shared. */
  readonly lexical?: Lexical
  /** Control tokens that may follow; mostly none. */
  controls(state: number): readonly number[]
  /** Bytes of one of the shortest texts that may end the text from here; empty where it may end here. */
  completion(state: number): Uint8Array
  /** The same with control tokens where they must follow, as symbols; by default there are none. */
  completionSymbols?(state: number): readonly number[]
  /** An upper bound of the bytes of `completion` in all states that can be reached from here; by default none is known. */
  farthest?(state: number): number
}

/** Does work that asks an automaton, in its limits. */
export function inLimits<T>(automaton: Automaton, work: () => T): T {
  return automaton.inLimits ? automaton.inLimits(work) : work()
}

/** Symbols from here on are control tokens. */
export const CONTROL = 256
