/** One way to read a symbol. */
export interface Reading<State> {
  readonly state: State
  /** Bytes of compact JSON that are known by it, one a character; often none. */
  readonly json: string
}

/** A string of JSON that is open. */
export interface Word<State> {
  /** The state after its end. */
  readonly after: State
  /** How it is spelled from here on, where that is not as in JSON, up to its quotation mark. */
  readonly form?: WordForm
}

/** A way to spell a string of JSON from some place on, the same wherever a string is spelled like that. */
export interface WordForm {
  /** Forms of one key are one. */
  readonly key: string
  /** Whether the string may end here: its quotation mark may be the JSON of the byte `ender`. */
  readonly mayEnd: boolean
  /** The byte after which it has ended. */
  readonly ender: number
  /** The form after another byte, and its JSON, of one byte or more; undefined where it may not follow. */
  read(byte: number): { readonly form: WordForm; readonly json: string } | undefined
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
  /** Whether a string is open whose free text (`Automaton.freeText`) is spelled as in JSON, and stays in this state; by default where a word is. */
  isVerbatim?(state: State): boolean
  /** The string of JSON that is open, where nothing else is; by default none is told of. */
  word?(state: State): Word<State> | undefined
}

/** Bytes of a text in UTF-8, one a character. */
export function bytesText(text: string): string {
  return Buffer.from(text).toString('latin1')
}
