import { FreeTextSlices } from './slices.js'
import { buildTrie, type TokenTrie } from './trie.js'
import {
  readVocabulary,
  TOKEN_KIND,
  type TokenVocabulary,
  type VocabularyOptions,
  type VocabularySource,
} from './vocabulary.js'

/** All that grammars need of a tokenizer, made once for all of them. */
export interface GrammarTokens {
  readonly vocabulary: TokenVocabulary
  /** All tokens of kind text. */
  readonly trie: TokenTrie
  readonly slices: FreeTextSlices
  /** Tokens that end a text. */
  readonly ends: Int32Array
  /** Tokens that a whole value of JSON may come twice in; hardly any. */
  readonly repeating: readonly number[]
}

export function grammarTokens(source: VocabularySource, options?: VocabularyOptions): GrammarTokens {
  const vocabulary = readVocabulary(source, options)
  const trie = buildTrie(vocabulary, vocabulary.idsOf(TOKEN_KIND.text))
  return {
    vocabulary,
    trie,
    slices: new FreeTextSlices(vocabulary),
    ends: vocabulary.idsOf(TOKEN_KIND.end),
    repeating: repeatingTokens(vocabulary),
  }
}

/** A whole name or string after another value, or the ends of two objects or arrays. */
const REPEATING = /,.*".*"|[}\]].*,.*[}\]]/s

function repeatingTokens(vocabulary: TokenVocabulary): number[] {
  const { kinds } = vocabulary
  const text = (id: number) => Buffer.from(vocabulary.bytesOf(id)).toString('latin1')
  return [...kinds.keys()].filter((id) => kinds[id] === TOKEN_KIND.text && REPEATING.test(text(id)))
}
