import { LexemeMasks } from './lexeme-masks.js'
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
  readonly lexemeMasks: LexemeMasks
  /** Tokens that end a text. */
  readonly ends: Int32Array
  /** Tokens that a whole value of JSON may come twice in; hardly any. */
  readonly repeating: Int32Array
}

export function grammarTokens(source: VocabularySource, options?: VocabularyOptions): GrammarTokens {
  const vocabulary = readVocabulary(source, options)
  const trie = buildTrie(vocabulary, vocabulary.idsOf(TOKEN_KIND.text))
  const slices = new FreeTextSlices(vocabulary)
  return {
    vocabulary,
    trie,
    slices,
    lexemeMasks: new LexemeMasks(vocabulary, trie, slices),
    ends: vocabulary.idsOf(TOKEN_KIND.end),
    repeating: repeatingTokens(vocabulary),
  }
}

/** A whole name or string after another value, or the ends of two objects or arrays. */
const REPEATING = /,.*".*"|[}\]].*,.*[}\]]/s

function repeatingTokens(vocabulary: TokenVocabulary): Int32Array {
  const text = (id: number) => Buffer.from(vocabulary.bytesOf(id)).toString('latin1')
  return vocabulary.idsOf(TOKEN_KIND.text).filter((id) => REPEATING.test(text(id)))
}
