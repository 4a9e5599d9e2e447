import { UserError } from '../errors.js'
import { kindOf } from '../json.js'
import {
  type GgufSpecialTokens,
  ggufSpecialTokens,
  type Metadata,
  specialId,
  USER_DEFINED,
} from './gguf-special.js'
import { splitsOf } from './gguf-splits.js'
import type { TokenizerFiles } from './tokenizer-files.js'
import type { AddedToken, Component, TokenizerConfig, TokenizerJson } from './tokenizer-json.js'

/** GGUF's `tokenizer.ggml.token_type`; 1 is a normal token, 5 an unused one. */
const UNKNOWN = 2
const CONTROL = 3

/**
 * The tokenizer that a GGUF file describes in its `tokenizer.*` metadata, as HF's files would: the models
 * `gpt2` (byte-level BPE), `llama` and `gemma4` (SentencePiece BPE). Follows transformers' `integrations/gguf`, but
 * splits digits where the model's `tokenizer.ggml.pre` does (`smollm`, `starcoder`), which transformers
 * leaves out.
 * @param metadata the file's keys; arrays as arrays or typed arrays.
 * @throws UserError naming a tokenizer model or pre-tokenizer that is not supported, or a key that is
 *   missing.
 */
export function tokenizerFromGguf(metadata: Metadata): TokenizerFiles {
  const model = metadata.get('tokenizer.ggml.model')
  const build = builders.get(String(model))
  if (!build) {
    const known = [...builders.keys()].join(', ')
    const fault =
      model === undefined
        ? 'has no "tokenizer.ggml.model", which names its tokenizer'
        : `has the tokenizer model "${model}", which is not supported`
    throw new UserError(`The GGUF file ${fault}: ${known} are read.`)
  }
  const vocabulary = readVocabulary(metadata)
  const { addBos, ...parts } = build(metadata, vocabulary)
  if (metadata.get('tokenizer.ggml.add_sep_token') === true) {
    throw new UserError(
      'The GGUF file wants a separator after each text ("add_sep_token"): this is not supported.',
    )
  }
  const special = ggufSpecialTokens(metadata, vocabulary)
  const tokenizerConfig = readConfig(metadata, vocabulary, special)
  const tokenizerJson: TokenizerJson = {
    ...parts,
    added_tokens: addedTokens(vocabulary, special),
    post_processor: addEnds(metadata, vocabulary, addBos),
  }
  return { tokenizerJson, tokenizerConfig }
}

interface Vocabulary {
  readonly tokens: readonly string[]
  readonly types: ArrayLike<number>
}

type Pipeline = Pick<TokenizerJson, 'model' | 'normalizer' | 'pre_tokenizer' | 'decoder'> & {
  /** Whether BOS goes first where the file does not say. */
  readonly addBos: boolean
}

const builders = new Map<string, (metadata: Metadata, vocabulary: Vocabulary) => Pipeline>([
  ['gpt2', byteLevelBpe],
  ['llama', sentencePieceBpe],
  ['gemma4', gemma4Bpe],
])

function byteLevelBpe(metadata: Metadata, { tokens }: Vocabulary): Pipeline {
  const pre = String(metadata.get('tokenizer.ggml.pre') ?? 'default')
  const splits = splitsOf(pre)
  const isolated = splits.regexes.map((regex) => ({
    type: 'Split',
    pattern: { Regex: regex },
    behavior: 'Isolated',
    invert: false,
  }))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  return {
    model: {
      type: 'BPE',
      vocab: tokens,
      merges: mergesOf(metadata),
      ignore_merges: splits.wholeWords ?? false,
    },
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...isolated, byteLevel] },
    decoder: byteLevel,
    addBos: splits.addBos ?? false,
  }
}

function mergesOf(metadata: Metadata): readonly string[] {
  const merges = required<readonly string[]>(metadata, 'tokenizer.ggml.merges')
  checkList(merges, 'merges', 'string')
  return merges
}

/**
 * Gemma: no dummy prefix, and its merges go by the order of the vocabulary, not by its scores. Others:
 * Llama's Metaspace, which HF's LlamaTokenizer uses.
 */
function sentencePieceBpe(metadata: Metadata, { tokens }: Vocabulary): Pipeline {
  const gemma = isGemma(metadata)
  const prefix = (metadata.get('tokenizer.ggml.add_space_prefix') as boolean | undefined) ?? !gemma
  return {
    model: {
      ...withByteFallback(metadata, tokens),
      scores: gemma ? Array.from(tokens, (_, id) => -id) : scoresOf(metadata, tokens.length),
    },
    ...(gemma ? GEMMA_SPACES : metaspace(prefix)),
    decoder: sentencePieceDecoder(prefix),
    addBos: true,
  }
}

/** Gemma 4: SentencePiece's tokens, with merges of the file's own. */
function gemma4Bpe(metadata: Metadata, { tokens }: Vocabulary): Pipeline {
  return {
    model: { ...withByteFallback(metadata, tokens), merges: mergesOf(metadata) },
    ...GEMMA_SPACES,
    decoder: sentencePieceDecoder(false),
    addBos: true,
  }
}

const GEMMA_SPACES = { normalizer: replaceText(' ', '▁'), pre_tokenizer: null }

function withByteFallback(metadata: Metadata, tokens: readonly string[]) {
  const unk = specialId(metadata, tokens, 'unknown')
  return {
    type: 'BPE',
    vocab: tokens,
    unk_token: unk === undefined ? null : tokens[unk],
    fuse_unk: true,
    byte_fallback: true,
  }
}

function scoresOf(metadata: Metadata, tokens: number): ArrayLike<number> {
  const scores = required<ArrayLike<number>>(metadata, 'tokenizer.ggml.scores')
  if (scores.length >= tokens) return scores
  throw new UserError(
    `The GGUF file has ${tokens} tokens, but "tokenizer.ggml.scores" has ${scores.length} numbers.`,
  )
}

function metaspace(prefix: boolean): Pick<TokenizerJson, 'normalizer' | 'pre_tokenizer'> {
  const scheme = prefix ? 'first' : 'never'
  return {
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false },
  }
}

function sentencePieceDecoder(prefix: boolean): Component {
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 }
  const decoders = [replaceText('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }]
  return { type: 'Sequence', decoders: prefix ? [...decoders, strip] : decoders }
}

function replaceText(pattern: string, content: string): Component {
  return { type: 'Replace', pattern: { String: pattern }, content }
}

function readVocabulary(metadata: Metadata): Vocabulary {
  const tokens = required<readonly string[]>(metadata, 'tokenizer.ggml.tokens')
  const types = (metadata.get('tokenizer.ggml.token_type') as ArrayLike<number> | undefined) ?? []
  checkList(tokens, 'tokens', 'string')
  if (!isGemma(metadata)) return { tokens, types }
  // Gemma's files write runs of spaces as such, while the text has them as ▁ when it is looked up.
  return { tokens: tokens.map((token) => (/^ +$/.test(token) ? '▁'.repeat(token.length) : token)), types }
}

/** @throws UserError unless the value is a list of texts */
function checkList(value: unknown, name: string, kind: string): void {
  if (!Array.isArray(value) || !value.every((item) => typeof item === kind)) {
    throw new UserError(
      `The GGUF file's "tokenizer.ggml.${name}" is ${kindOf(value)}, where a list of texts is needed.`,
    )
  }
}

function isGemma(metadata: Metadata): boolean {
  return /^gemma/.test(String(metadata.get('general.architecture')))
}

/**
 * Tokens that are matched in the text before it is split: control tokens, and user-defined ones, which stay
 * text.
 */
function addedTokens({ tokens, types }: Vocabulary, { special, text }: GgufSpecialTokens): AddedToken[] {
  const added: AddedToken[] = []
  for (let id = 0; id < tokens.length; id++) {
    const isSpecial = (types[id] === CONTROL || types[id] === UNKNOWN || special.has(id)) && !text.has(id)
    const isText = text.has(id) || (types[id] === USER_DEFINED && !/^▁+$/.test(tokens[id]))
    if (isSpecial || isText) added.push({ id, content: tokens[id], special: isSpecial, normalized: false })
  }
  return added
}

function readConfig(
  metadata: Metadata,
  { tokens }: Vocabulary,
  { ends }: GgufSpecialTokens,
): TokenizerConfig {
  const token = (name: string) => {
    const id = specialId(metadata, tokens, name)
    return id === undefined ? null : tokens[id]
  }
  return {
    bos_token: token('bos'),
    eos_token: token('eos'),
    unk_token: token('unknown'),
    pad_token: token('padding'),
    chat_template: chatTemplates(metadata),
    extra_eos_token_ids: ends,
  }
}

const TEMPLATE = 'tokenizer.chat_template'

/** The template of a file, or several by name, which gguf-py writes as keys of their own. */
function chatTemplates(metadata: Metadata): unknown {
  const named = [...metadata.keys()].filter((key) => key.startsWith(`${TEMPLATE}.`))
  const main = metadata.get(TEMPLATE)
  if (named.length === 0) return main ?? null
  const others = named.map((key) => [key.slice(TEMPLATE.length + 1), metadata.get(key)])
  return { ...(main === undefined ? {} : { default: main }), ...Object.fromEntries(others) }
}

/**
 * The ids that end a text as `eos_token_id` of a configuration: EOS first; undefined where there is none.
 * @throws UserError as `tokenizerFromGguf`
 */
export function endsOfGguf(metadata: Metadata): readonly number[] | undefined {
  if (!metadata.has('tokenizer.ggml.tokens')) return undefined
  const { ends } = ggufSpecialTokens(metadata, readVocabulary(metadata))
  return ends.length > 0 ? ends : undefined
}

/** BOS and EOS around the text, where the file says so. */
function addEnds(metadata: Metadata, { tokens }: Vocabulary, addBos: boolean): Component | null {
  const end = (name: 'bos' | 'eos', byDefault: boolean) => {
    const id = specialId(metadata, tokens, name)
    const wanted = (metadata.get(`tokenizer.ggml.add_${name}_token`) as boolean | undefined) ?? byDefault
    return wanted && id !== undefined ? [id] : []
  }
  const bos = end('bos', addBos)
  const eos = end('eos', false)
  if (bos.length + eos.length === 0) return null
  const mark = (id: number) => ({ SpecialToken: { id: tokens[id], type_id: 0 } })
  const single = [...bos.map(mark), { Sequence: { id: 'A', type_id: 0 } }, ...eos.map(mark)]
  const special = [...bos, ...eos].map((id) => [
    tokens[id],
    { id: tokens[id], ids: [id], tokens: [tokens[id]] },
  ])
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: Object.fromEntries(special),
  }
}

function required<T>(metadata: Metadata, key: string): T {
  const value = metadata.get(key)
  if (value === undefined) throw new UserError(`The GGUF file has no "${key}": its tokenizer cannot be read.`)
  return value as T
}
