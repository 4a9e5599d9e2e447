import type { ClassHints } from './tokenizer-class.js'
import type { TokenizerConfig, TokenizerJson } from './tokenizer-json.js'

export interface TokenizerFiles {
  readonly tokenizerJson: TokenizerJson
  readonly tokenizerConfig?: TokenizerConfig
  /** special_tokens_map.json and added_tokens.json. */
  readonly specialTokensMap?: Readonly<Record<string, unknown>>
  readonly addedTokens?: Readonly<Record<string, unknown>>
  /** What tells the class by which transformers loads the files. */
  readonly hints?: ClassHints
}
