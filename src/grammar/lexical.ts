/**
 * The words that languages are made of, such as the strings and numbers of JSON, as an automaton of their own, which languages can share. A
 * lexeme is a state of it; `DEAD` is none. No byte that may follow a word could go on with it as well.
 */
export interface Lexer {
  /** An object that stands for all the words that may come of a lexeme, wherever it is met. */
  identity(lexeme: number): object
  next(lexeme: number, byte: number): number
  /** Whether the word has ended with its last byte, so that nothing goes on with it. */
  isOver(lexeme: number): boolean
  /** Whether the word may end here. */
  accepts(lexeme: number): boolean
  /** Verdict on a word that ends here: the same number where the same may follow. */
  verdict(lexeme: number): number
  /** As of an automaton. */
  freeText(lexeme: number): number
  /** As of an automaton. */
  freeTextIsAll(lexeme: number): boolean
}

/** A language whose words a lexer reads, so that what may follow within them is found once for all languages. */
export interface Lexical {
  readonly lexer: Lexer
  /** The lexeme that is open in a state until it ends, whatever else is open; `DEAD` where none is. */
  open(state: number): number
  /** The state after the word that is open in a state; `DEAD` where it may not end. */
  close(state: number, verdict: number): number
  /**
   * Bytes after which a word in quotation marks may still come that leads elsewhere than `close` tells, such as the name of a field: a flag
   * each, [256]. Undefined where there is no such word.
   */
  exceptions(state: number): Uint8Array | undefined
  /** Whether the lexeme holds the words that are exceptions: tokens that do not end such a word are told by it rightly. */
  holdsExceptions(state: number): boolean
}
