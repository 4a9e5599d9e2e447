import { CONTROL } from './automaton.js'
import { TOKEN_KIND, type TokenVocabulary } from './vocabulary.js'

/** Tokens as the symbols of languages: the bytes of a text, and `CONTROL` + id for all others. */
export function symbolsOf(vocabulary: TokenVocabulary, ids: readonly number[]): readonly number[] {
  return ids.flatMap((id) =>
    vocabulary.kinds[id] === TOKEN_KIND.text ? [...vocabulary.bytesOf(id)] : [CONTROL + id],
  )
}
