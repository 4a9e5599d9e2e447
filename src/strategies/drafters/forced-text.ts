import type { ForcedText } from '../../grammar/forced.js'
import { type Prefix, tokensOf } from '../../model/prefix.js'
import { chain } from '../../model/token-tree.js'
import type { CreateDrafter } from '../strategy.js'

/** Tokens before forced text that its tokens depend on. */
const CONTEXT = 4
/** Bytes of a token, about: forced text is longer than there is room for tokens at times. */
const BYTES_A_TOKEN = 8

/** Tokens of the first draft at most. */
const FIRST_WINDOW = 16

/**
 * Drafts text that can follow in one way only, as the tokenizer would write it. It is verified as any draft: the text is the same without
 * it. A model may spell it otherwise, and a pass of many tokens costs as much as several of one: a window bounds drafts, which doubles
 * where all of it was accepted, and is cut to a little more than what was where not.
 * @param stateAfter the grammar's state after a prefix
 * @param onAccepted called with the tokens that each pass has accepted
 */
export function forcedText(
  forced: ForcedText,
  stateAfter: (prefix: Prefix) => number,
  onAccepted?: (tokens: number) => void,
): CreateDrafter {
  return () => {
    let window = FIRST_WINDOW
    const begin = (prefix: Prefix, limit: number) => {
      const most = Math.min(limit, window)
      const tokens = forced.after(tokensOf(prefix, CONTEXT), stateAfter(prefix), BYTES_A_TOKEN * most)
      return chain(tokens.slice(0, most))
    }
    return {
      begin,
      draft: (prefix, _last, limit, size = limit) => begin(prefix, Math.min(limit, size)),
      verified({ draft, isOwn, path }) {
        if (!isOwn) return
        onAccepted?.(path.length)
        if (path.length < draft.tokens.length) window = path.length + 2
        else if (path.length === window) window *= 2
      },
    }
  }
}
