import { UserError } from '../errors.js'

/** One part of a `tokenizer.json` pipeline: a `type` and that type's own fields. */
export interface Component {
  readonly type: string
  readonly [field: string]: unknown
}

export interface AddedToken {
  readonly id: number
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
}

/** A special token in a configuration file: its text, or an added token's fields. */
export type SpecialToken = string | { readonly content: string } | null

/**
 * HF's `tokenizer_config.json` (with `special_tokens_map.json` merged in), as far as this project reads it.
 */
export interface TokenizerConfig {
  readonly bos_token?: SpecialToken
  readonly eos_token?: SpecialToken
  readonly pad_token?: SpecialToken
  readonly unk_token?: SpecialToken
  /** One template, or several by name, as `ChatTemplates` takes them: it tells what is none. */
  readonly chat_template?: unknown
  /** Beyond HF's fields: more ids that end a turn; GGUF files list them (`eot`, `eom`). */
  readonly extra_eos_token_ids?: readonly number[]
}

/** The components of a pipeline part in order, nested `Sequence`s flattened; none for null. */
export function flattenSequence(component: Component | null | undefined, field: string): Component[] {
  if (!component) return []
  if (component.type !== 'Sequence') return [component]
  return (component[field] as Component[]).flatMap((part) => flattenSequence(part, field))
}

/** The error for a tokenizer that holds something which this project does not do. */
export function unsupported(what: string, options?: ErrorOptions): UserError {
  const known = 'byte-level and SentencePiece BPE tokenizers are'
  return new UserError(
    `This model's tokenizer cannot be used: ${what} is not supported; ${known}.`,
    1,
    options,
  )
}
