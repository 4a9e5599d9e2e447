import { type Automaton, DEAD } from './automaton.js'
import type { GrammarTokens } from './tokens.js'
import { TOKEN_KIND } from './vocabulary.js'

/** The text that follows in one way only, and the state after it. */
export interface ForcedBytes {
  readonly bytes: Uint8Array
  readonly state: number
}

/**
 * Bytes that can only follow in one way: as long as one byte and nothing else is allowed, and the text may not end.
 * @param most bytes
 */
export function forcedBytes(automaton: Automaton, start: number, most: number): ForcedBytes {
  const bytes: number[] = []
  let state = start
  while (bytes.length < most) {
    const byte = onlyByte(automaton, state)
    if (byte === undefined) break
    bytes.push(byte)
    state = automaton.next(state, byte)
  }
  return { bytes: Uint8Array.from(bytes), state }
}

function onlyByte(automaton: Automaton, state: number): number | undefined {
  if (automaton.accepts(state) || automaton.controls(state).length > 0) return undefined
  let only: number | undefined
  for (let byte = 0; byte < 256; byte++) {
    if (automaton.next(state, byte) === DEAD) continue
    if (only !== undefined) return undefined
    only = byte
  }
  return only
}

/**
 * Tokens that are read together with forced text. As in llguidance (`docs/fast_forward.md`), which finds next to no text that four would not
 * suffice for: tokens of a text cut off in the middle are often other ones than in the whole.
 */
const CONTEXT = 4

/** Forced text as the tokenizer would write it, which is how a model would: a draft, which the model's scores judge. */
export class ForcedText {
  /** Text before all others, so that a tokenizer puts its dummy prefix there. */
  private readonly anchor: string

  /** @param encode the tokenizer's, without special tokens */
  constructor(
    private readonly automaton: Automaton,
    private readonly tokens: GrammarTokens,
    private readonly encode: (text: string) => readonly number[],
  ) {
    this.anchor = this.lengthOf(encode('a')) === 1 ? '' : '\n'
  }

  /**
   * @param last the last tokens of the text, prompt included; four suffice
   * @param state the language's after them
   * @param most bytes of forced text
   */
  after(last: readonly number[], state: number, most: number): readonly number[] {
    const { bytes } = forcedBytes(this.automaton, state, most)
    if (bytes.length === 0) return []
    for (let count = this.contextOf(last); count >= 0; count--) {
      const tokens = this.tokenized(last.slice(last.length - count), bytes)
      if (tokens) return tokens
    }
    return []
  }

  /** How many of the last tokens are text without a break. */
  private contextOf(last: readonly number[]): number {
    const { kinds } = this.tokens.vocabulary
    let count = 0
    while (count < Math.min(CONTEXT, last.length) && kinds[last.at(-1 - count)!] === TOKEN_KIND.text) count++
    return count
  }

  /** Tokens of bytes after others; undefined where the tokenizer writes these others in another way, or no text begins there. */
  private tokenized(context: readonly number[], forced: Uint8Array): readonly number[] | undefined {
    const bytes = Buffer.concat([...context.map((id) => this.tokens.vocabulary.bytesOf(id)), forced])
    const text = wholeCharacters(bytes)
    if (text === undefined) return undefined
    const length = Buffer.byteLength(text) - (bytes.length - forced.length)
    const ids = this.encode(this.anchor + text)
    let first = ids.length
    for (let left = length; left > 0 && first > 0; ) left -= this.lengthOf([ids[--first]])
    const tokens = ids.slice(first)
    const spelled = Buffer.concat(tokens.map((id) => this.tokens.vocabulary.bytesOf(id)))
    const before = ids.slice(Math.max(0, first - context.length), first)
    const isSame = before.length === context.length && before.every((id, i) => id === context[i])
    return isSame && spelled.equals(forced.subarray(0, length)) ? tokens : undefined
  }

  private lengthOf(ids: readonly number[]): number {
    const { offsets } = this.tokens.vocabulary
    return ids.reduce((sum, id) => sum + offsets[id + 1] - offsets[id], 0)
  }
}

/** The text of bytes up to the last whole character; undefined where they are no UTF-8. */
function wholeCharacters(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true })
  } catch {
    return undefined
  }
}
