import { excerpt, UserError } from '../errors.js'
import { kindOf } from '../json.js'

/** One part of a `tokenizer.json` pipeline: a `type` and that type's own fields. */
export interface Component {
  readonly type: string
  readonly [field: string]: unknown
}

export interface AddedToken {
  readonly id?: number
  readonly content: string
  readonly single_word?: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
  readonly special?: boolean
}

/** The `model` of a `tokenizer.json` whose type is BPE. */
export interface BpeJson {
  readonly type?: string
  /** Ids by token; beyond HF's format also the tokens by id. */
  readonly vocab: Readonly<Record<string, number>> | readonly string[]
  /** Pairs that merge, best first: all as `'left right'` or all as `['left', 'right']`. */
  readonly merges?: readonly (string | readonly [string, string])[]
  /**
   * Beyond HF's format, in place of `merges`: any two tokens merge whose concatenation is a token, the one
   * with the highest score first. [vocab] by id. It is what HF's converters expand into merges, a second's
   * work for the 262k tokens of Gemma.
   */
  readonly scores?: ArrayLike<number>
  readonly unk_token?: string | null
  readonly dropout?: number | null
  readonly fuse_unk?: boolean
  readonly byte_fallback?: boolean
  readonly ignore_merges?: boolean
  readonly continuing_subword_prefix?: string | null
  readonly end_of_word_suffix?: string | null
}

/** HF's `tokenizer.json`, as far as this project reads it. */
export interface TokenizerJson {
  readonly model: BpeJson
  readonly added_tokens?: readonly AddedToken[]
  readonly normalizer?: Component | null
  readonly pre_tokenizer?: Component | null
  readonly post_processor?: Component | null
  readonly decoder?: Component | null
  readonly padding?: unknown
}

/**
 * HF's tokenizer_config.json, as far as this project reads it: special tokens, each as its text or with an added token's
 * fields, under `bos_token`, `eos_token` and more names (see `specialTokens`), and
 */
export interface TokenizerConfig {
  /** One template, or several by name, as `ChatTemplates` takes them: it tells what is none. */
  readonly chat_template?: unknown
  /** Beyond HF's fields: more ids that end a text; GGUF files have them. */
  readonly extra_eos_token_ids?: readonly number[]
  readonly [field: string]: unknown
}

/** A text of a file in quotes, for messages: its beginning, with control characters as escapes. */
export function quoted(text: string): string {
  return JSON.stringify(excerpt(text, 40)).replace(
    /\p{Cc}/gu,
    (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
  )
}

/** The error for a tokenizer that holds something which this project does not do. */
export function unsupportedTokenizer(what: string, options?: ErrorOptions): UserError {
  const known = 'byte-level and SentencePiece BPE tokenizers are'
  return new UserError(
    `This model's tokenizer cannot be used: ${what} is not supported; ${known}.`,
    1,
    options,
  )
}

/** The error for a tokenizer file of wrong or damaged content. @param what is wrong: `its FIELD is …` */
export function tokenizerFault(what: string, options?: ErrorOptions, file = 'tokenizer.json'): UserError {
  return new UserError(`This model's ${file} cannot be used: ${what}.`, 1, options)
}

/** The error for a field of the wrong kind. @param wanted the right kind, with its article */
export function wrongField(path: string, value: unknown, wanted: string, file?: string): UserError {
  const found = typeof value === 'string' ? quoted(value) : kindOf(value)
  return tokenizerFault(`its ${path} is ${found}, where ${wanted} is needed`, undefined, file)
}
