/** One way to read a symbol. */
export interface Reading<State> {
  readonly state: State
  /** Bytes of compact JSON that are known by it, one a character; often none. */
  readonly json: string
}

/** A string that is open, and is spelled as in JSON. */
export interface Word<State> {
  /** The state after its closing quotation mark. */
  readonly after: State
}

/**
 * A format of texts that stand for JSON values, such as YAML: a transducer of the format's symbols to the bytes of compact JSON. A schema
 * judges what comes out of it, so that every keyword is enforced in every format; and what has come out is a prefix of the value's JSON, so
 * that texts are parsed and streamed by the same rules as they are held to.
 */
export interface Spelling<State> {
  readonly start: State
  /**
   * Ways to read a symbol: none, one, or several, which are followed side by side; where several of them lead to an end, the first counts.
   * @param symbol a byte, or `CONTROL` + the id of a control token
   */
  read(state: State, symbol: number): readonly Reading<State>[]
  /** The rest of the JSON where the text may end, such as closing brackets; undefined where it may not. */
  end(state: State): string | undefined
  /** States of one key are one. */
  key(state: State): string
  /** Control tokens that may follow; by default none. */
  controls?(state: State): readonly number[]
  /** Whether all JSON that may follow can be spelled from here, so that no end has to be looked for. */
  isFree(state: State): boolean
  /** Whether a string is open whose free text (`Automaton.freeText`) is spelled as in JSON, and stays in this state; by default as `word`. */
  isVerbatim?(state: State): boolean
  /** The string of JSON that is open, where all of it up to its quotation mark is spelled as it is in JSON; by default there is none. */
  word?(state: State): Word<State> | undefined
}

/** Bytes of a text in UTF-8, one a character. */
export function bytesText(text: string): string {
  return Buffer.from(text).toString('latin1')
}
