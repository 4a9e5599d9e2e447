import type { ForcedText } from '../../grammar/forced.js'
import { type Prefix, tokensOf } from '../../model/prefix.js'
import { chain } from '../../model/token-tree.js'
import type { CreateDrafter } from '../strategy.js'

/** Tokens before forced text that its tokens depend on. */
const CONTEXT = 4
/** Bytes of a token, about: forced text is longer than there is room for tokens at times. */
const BYTES_A_TOKEN = 8

/**
 * Drafts text that can follow in one way only, as the tokenizer would write it. It is verified as any draft: the text is the same without
 * it.
 * @param stateAfter the grammar's state after a prefix
 * @param onAccepted called with the tokens that each pass has accepted
 */
export function forcedText(
  forced: ForcedText,
  stateAfter: (prefix: Prefix) => number,
  onAccepted?: (tokens: number) => void,
): CreateDrafter {
  const begin = (prefix: Prefix, most: number) => {
    const { tokens } = forced.after(tokensOf(prefix, CONTEXT), stateAfter(prefix), BYTES_A_TOKEN * most)
    return chain(tokens.slice(0, most))
  }
  return () => ({
    begin,
    draft: (prefix, _last, limit, size = limit) => begin(prefix, Math.min(limit, size)),
    verified: ({ isOwn, path }) => {
      if (isOwn) onAccepted?.(path.length)
    },
  })
}
