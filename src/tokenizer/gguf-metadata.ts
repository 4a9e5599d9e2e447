import { UserError } from '../errors.js'
import { preOfSplits } from './gguf-splits.js'
import { endsOfGguf, tokenizerFromGguf } from './gguf-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'
import { loadTokenizer } from './tokenizer.js'
import type { Component, TokenizerJson } from './tokenizer-json.js'
import { gpt2Words } from './words.js'

/** Values of `tokenizer.*` keys: numbers are ids, arrays of numbers token types or scores. */
export type TokenizerMetadata = Map<string, MetadataValue>
type MetadataValue = string | number | boolean | readonly string[] | Int32Array | Float32Array

/** GGUF's `tokenizer.ggml.token_type`. */
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6]

/** Texts by which it is seen whether a file's tokenizer is the model's: words, numbers, spaces, scripts, line ends. */
const PROBES = [
  "Hello, world! It's 2024: 12345 tokens, don't they?",
  'def f(x):\n    return x ** 2\t# squared\r\n\r\n  done   ',
  'Größe naïve Ελλάδα Москва 東京 العربية हिन्दी 👩‍👩‍👧 🇫🇷 ½ ①',
  ' leading and  double spaces   and a trailing one ',
  'CamelCaseWords HTTPServer snake_case_name <tag attr="v">&amp;</tag> http://a.b/c?d=e#f',
]

/**
 * What a GGUF file says of a tokenizer.
 * @param json tokenizer.json
 * @param tokenizer made of it
 * @param vocabSize rows of the model's embedding; those beyond the tokenizer's are unused tokens
 * @param architecture `general.architecture`
 * @throws UserError for a kind of tokenizer that llama.cpp has no name for, or that it would not split texts like
 */
export async function ggufMetadataOf(
  json: TokenizerJson,
  tokenizer: Tokenizer,
  vocabSize: number,
  architecture: string,
): Promise<TokenizerMetadata> {
  const isSentencePiece = json.model.byte_fallback === true
  const tokens = Array.from({ length: vocabSize }, (_, id) => tokenizer.idToToken(id) ?? `[PAD${id}]`)
  const prefix = 'tokenizer.ggml.'
  const metadata: TokenizerMetadata = new Map()
  const set = (key: string, value: MetadataValue | undefined) => {
    if (value !== undefined) metadata.set(prefix + key, value)
  }
  set('model', isSentencePiece ? 'llama' : 'gpt2')
  set('pre', isSentencePiece ? 'default' : preOf(json))
  set('tokens', tokens)
  set('token_type', tokenTypes(json, tokenizer, vocabSize))
  if (isSentencePiece) set('scores', scores(json, tokens))
  else set('merges', mergesOf(json))
  for (const [name, token] of Object.entries(specialTokens(tokenizer))) {
    const id = token === undefined ? undefined : tokenizer.tokenToId(token)
    // A token of HF's class may lie beyond the embedding.
    set(`${name}_token_id`, id !== undefined && id < vocabSize ? id : undefined)
  }
  const [first, last] = [tokenizer.encode('a')[0], tokenizer.encode('a').at(-1)]
  set('add_bos_token', tokenizer.bosToken !== undefined && first === tokenizer.tokenToId(tokenizer.bosToken))
  set('add_eos_token', tokenizer.eosToken !== undefined && last === tokenizer.tokenToId(tokenizer.eosToken))
  if (isSentencePiece) {
    const [alone] = tokenizer.encode('a', { addSpecialTokens: false })
    set('add_space_prefix', tokenizer.idToToken(alone)?.startsWith('▁') ?? false)
  }
  if (tokenizer.chatTemplate !== undefined) metadata.set('tokenizer.chat_template', tokenizer.chatTemplate)
  await requireSame(metadata, tokenizer, architecture)
  return metadata
}

/**
 * Names the tokens that end a text beyond those that llama.cpp takes for ends of itself.
 * @param ends HF's `eos_token_id` of generation
 * @throws UserError for more than there are keys for
 */
export function setEnds(metadata: TokenizerMetadata, ends: readonly number[]): void {
  for (const id of ends) {
    if (endsOfGguf(metadata)?.includes(id)) continue
    const key = ['eos', 'eot', 'eom'].find((name) => !metadata.has(`tokenizer.ggml.${name}_token_id`))
    if (key === undefined) {
      throw new UserError(
        `A GGUF file has no key for so many ends of a text (eos_token_id ${JSON.stringify(ends)}): write safetensors instead.`,
      )
    }
    metadata.set(`tokenizer.ggml.${key}_token_id`, id)
  }
}

function specialTokens({ bosToken, eosToken, unkToken, padToken }: Tokenizer) {
  return { bos: bosToken, eos: eosToken, unknown: unkToken, padding: padToken }
}

function tokenTypes(json: TokenizerJson, tokenizer: Tokenizer, vocabSize: number): Int32Array {
  const isBytes = json.model.byte_fallback === true
  const added = new Map(json.added_tokens?.map(({ content, special }) => [content, special === true]))
  return Int32Array.from({ length: vocabSize }, (_, id) => {
    const token = tokenizer.idToToken(id)
    if (token === undefined) return UNUSED
    if (isBytes && token === tokenizer.unkToken) return UNKNOWN
    if (tokenizer.specialIds.has(id)) return CONTROL
    if (added.has(token)) return USER_DEFINED
    return isBytes && /^<0x[0-9A-F]{2}>$/.test(token) ? BYTE : NORMAL
  })
}

function mergesOf({ model }: TokenizerJson): string[] {
  return (model.merges ?? []).map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
}

/** SentencePiece's, of which HF's merges keep the order: a token's is that of the first pair that makes it. */
function scores(json: TokenizerJson, tokens: readonly string[]): Float32Array {
  const ranks = new Map<string, number>()
  for (const merge of mergesOf(json)) {
    const token = merge.replace(' ', '')
    if (!ranks.has(token)) ranks.set(token, ranks.size)
  }
  return Float32Array.from(tokens, (token) => -(ranks.get(token) ?? ranks.size))
}

/** llama.cpp's name of what a byte-level tokenizer splits texts into. */
function preOf({ pre_tokenizer: pre, model }: TokenizerJson): string {
  const name = preOfSplits({
    regexes: regexesOf(pre ?? undefined),
    wholeWords: model.ignore_merges === true,
  })
  if (name !== undefined) return name
  throw new UserError(
    'A GGUF file has no name for how the tokenizer splits texts into words: write safetensors instead.',
  )
}

/** The patterns that a pre-tokenizer cuts by, one after the other. */
function regexesOf(component: Component | undefined): string[] {
  if (!component) return []
  const { type, pretokenizers, pattern, use_regex } = component
  if (type === 'Sequence') return (pretokenizers as Component[]).flatMap(regexesOf)
  if (type === 'Split') return [String((pattern as { Regex?: string }).Regex)]
  if (type === 'Digits') return ['\\p{N}']
  return type === 'ByteLevel' && use_regex !== false ? [gpt2Words] : []
}

/** @throws UserError where texts would be split differently */
async function requireSame(
  metadata: TokenizerMetadata,
  tokenizer: Tokenizer,
  architecture: string,
): Promise<void> {
  const files = tokenizerFromGguf(new Map([...metadata, ['general.architecture', architecture]]))
  const other = await loadTokenizer(files)
  const different = PROBES.find((text) => String(other.encode(text)) !== String(tokenizer.encode(text)))
  if (different === undefined) return
  throw new UserError(
    `A GGUF file's tokenizer would split ${JSON.stringify(different.slice(0, 40))} differently from the model's: write safetensors instead.`,
  )
}
