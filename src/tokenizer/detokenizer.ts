import type { TokenDecoder } from './token-decoder.js'

/** What of a tokenizer makes text of ids. */
export interface TokenSource {
  readonly specialIds: ReadonlySet<number>
  idToToken(id: number): string | undefined
  newDecoder(): TokenDecoder
}

export interface DetokenizerOptions {
  /** Leaves special tokens (BOS, EOS, control tokens) out of the text; default false. */
  readonly skipSpecialTokens?: boolean
  /** Ids that come before the first pushed one: the text continues theirs, which itself is not returned. */
  readonly context?: readonly number[]
}

/**
 * Decodes a growing sequence of ids. The pieces of `push` and `flush` joined are the text of the sequence.
 */
export interface Detokenizer {
  /**
   * The text that this id makes certain, O(1): '' for half a character, and more than the id's own text where
   * it completes what was held back. Ids without a token give ''.
   */
  push(id: number): string
  /** The text still held back, at the end of the sequence; incomplete characters become U+FFFD. */
  flush(): string
}

/** Streams text from ids; equals HF `decode` of the whole sequence. */
export function createDetokenizer(tokenizer: TokenSource, options: DetokenizerOptions = {}): Detokenizer {
  const { context = [] } = options
  const detokenizer = fromStart(tokenizer, options.skipSpecialTokens ?? false)
  if (context.length === 0) return detokenizer
  for (const id of context) detokenizer.push(id)
  return afterSkipping(detokenizer, heldBack(tokenizer, options))
}

function fromStart(tokenizer: TokenSource, skipSpecialTokens: boolean): Detokenizer {
  const decoder = tokenizer.newDecoder()
  return {
    push(id) {
      const token = tokenizer.idToToken(id)
      if (token === undefined || (skipSpecialTokens && tokenizer.specialIds.has(id))) return ''
      return decoder.push(token)
    },
    flush: () => decoder.flush(),
  }
}

/**
 * Characters of the context's own text that only later ids will release; a character it leaves open is not
 * its own.
 */
function heldBack(
  tokenizer: TokenSource,
  { context = [], skipSpecialTokens = false }: DetokenizerOptions,
): number {
  const detokenizer = fromStart(tokenizer, skipSpecialTokens)
  for (const id of context) detokenizer.push(id)
  const rest = detokenizer.flush()
  return rest.includes('\uFFFD') ? 0 : rest.length
}

function afterSkipping(detokenizer: Detokenizer, length: number): Detokenizer {
  let left = length
  const cut = (text: string) => {
    const rest = text.slice(left)
    left -= text.length - rest.length
    return rest
  }
  return { push: (id) => cut(detokenizer.push(id)), flush: () => cut(detokenizer.flush()) }
}
