import type { LogitsProcessor } from '../strategies/strategy.js'
import { createDetokenizer } from '../tokenizer/detokenizer.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** A prompt without its last token, which the first generated token spells again and may spell on. */
export interface HealedPrompt {
  readonly ids: readonly number[]
  /** Characters of the first generated token that are the prompt's. */
  readonly overlap: number
  /** The token that was taken away. */
  readonly healed?: number
  readonly processors: readonly LogitsProcessor[]
}

/** HF favours the prompt's own token by as much. */
const BONUS = 1

/**
 * Token healing (HF's `token_healing`): a prompt that ends inside a word, as `http:` does, was cut into tokens as no text
 * of the training was. Its last token is generated anew among those that begin with the same characters. HF adds 10 to
 * their scores before the generation proper; here they are the only ones allowed, under any strategy.
 */
export function healPrompt(ids: readonly number[], tokenizer: Tokenizer, vocabSize: number): HealedPrompt {
  const unchanged = { ids, overlap: 0, processors: [] }
  const tail = ids.at(-1)!
  const spelling = tokenizer.idToToken(tail)
  if (ids.length < 2 || spelling === undefined || tokenizer.specialIds.has(tail)) return unchanged
  const extensions = Array.from({ length: vocabSize }, (_, id) => id).filter(
    (id) => !tokenizer.specialIds.has(id) && tokenizer.idToToken(id)?.startsWith(spelling),
  )
  const rest = ids.slice(0, -1)
  const detokenizer = createDetokenizer(tokenizer, { skipSpecialTokens: true, context: rest })
  const text = detokenizer.push(tail) + detokenizer.flush()
  if (extensions.length < 2 || text.includes('\uFFFD')) return unchanged
  const process: LogitsProcessor = (logits, { length }) => {
    if (length !== rest.length) return
    const scores = extensions.map((id) => logits[id] + (id === tail ? BONUS : 0))
    logits.fill(-Infinity)
    for (const [i, id] of extensions.entries()) logits[id] = scores[i]
  }
  return { ids: rest, overlap: text.length, healed: tail, processors: [process] }
}
