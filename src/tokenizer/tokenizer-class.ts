import { stageParts } from './part.js'
import type { BpeJson, Component, TokenizerJson } from './tokenizer-json.js'
import { qwen2Words, qwen35Words } from './words.js'

/** What tells HF's class of a tokenizer. */
export interface ClassHints {
  /** `tokenizer_class` of tokenizer_config.json, or else of config.json. */
  readonly tokenizerClass?: string
  /** `model_type` of config.json. */
  readonly modelType?: string
}

/** A class of transformers that makes the pipeline anew: of tokenizer.json it takes vocabulary, merges and post-processor. */
export interface TokenizerClass {
  /** Special tokens by name, where the configuration has none of the name. */
  readonly defaults: Readonly<Record<string, string>>
  /** The pipeline, from the fields of tokenizer_config.json. */
  pipeline(config: Readonly<Record<string, unknown>>): Partial<TokenizerJson>
  /** Model fields. */
  readonly model: Partial<BpeJson>
  /** Special tokens are added once more, without flags. */
  readonly addsPlain?: boolean
}

/** The class that a model's type has where the configuration names none. */
const OF_MODEL: Readonly<Record<string, string>> = {
  qwen2: 'Qwen2Tokenizer',
  qwen3: 'Qwen2Tokenizer',
  gemma3: 'GemmaTokenizer',
  gemma3_text: 'GemmaTokenizer',
}

/**
 * The class by which transformers 5.24's `AutoTokenizer` loads a tokenizer, undefined for `TokenizersBackend`, which takes
 * tokenizer.json as it is.
 */
export function tokenizerClass(hints: ClassHints, json: TokenizerJson): TokenizerClass | undefined {
  const named = hints.tokenizerClass?.replace(/Fast$/, '')
  const own = OF_MODEL[hints.modelType ?? '']
  // Files of Qwen 2 name classes that are not theirs.
  const name = hints.modelType === 'qwen2' ? own : (named ?? own)
  if (name === undefined || !Object.hasOwn(CLASSES, name)) return undefined
  // Models with Llama 3's tokenizer name the class of Llama 2's.
  return name === 'LlamaTokenizer' && isByteLevel(json) ? undefined : CLASSES[name]
}

function isByteLevel({ normalizer, pre_tokenizer, decoder, post_processor }: TokenizerJson): boolean {
  const parts = [
    ...stageParts(normalizer, 'normalizer', 'normalizers'),
    ...stageParts(pre_tokenizer, 'pre_tokenizer', 'pretokenizers'),
    ...stageParts(decoder, 'decoder', 'decoders'),
    ...stageParts(post_processor, 'post_processor', 'processors'),
  ]
  return parts.some(({ type }) => type === 'ByteLevel')
}

const byteLevel = (prefix: unknown, useRegex = true): Component => ({
  type: 'ByteLevel',
  add_prefix_space: Boolean(prefix),
  trim_offsets: true,
  use_regex: useRegex,
})

const byteLevelModel: Partial<BpeJson> = { unk_token: null, fuse_unk: false, byte_fallback: false }

const END_OF_TEXT = '<|endoftext|>'

function qwen(words: string): Omit<TokenizerClass, 'addsPlain'> {
  return {
    defaults: { unk_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: END_OF_TEXT },
    model: byteLevelModel,
    pipeline: ({ add_prefix_space }) => ({
      normalizer: { type: 'NFC' },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false },
          byteLevel(add_prefix_space, false),
        ],
      },
      decoder: byteLevel(true),
    }),
  }
}

const replace = (from: string, to: string): Component => ({
  type: 'Replace',
  pattern: { String: from },
  content: to,
})

const fallbackDecoder = (strips: boolean): Component => ({
  type: 'Sequence',
  decoders: [
    replace('▁', ' '),
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(strips ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ],
})

const metaspace = (scheme: string): Component => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: scheme,
  split: false,
})

const CLASSES: Readonly<Record<string, TokenizerClass>> = {
  LlamaTokenizer: {
    defaults: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    model: { unk_token: null, fuse_unk: true, byte_fallback: true },
    pipeline: ({ add_prefix_space, legacy = false }) => {
      const prefix = Boolean(add_prefix_space ?? true)
      const scheme = legacy ? 'always' : 'first'
      return {
        normalizer: null,
        pre_tokenizer: metaspace(prefix ? scheme : 'never'),
        decoder: fallbackDecoder(prefix),
      }
    },
  },
  GemmaTokenizer: {
    defaults: {
      unk_token: '<unk>',
      bos_token: '<bos>',
      eos_token: '<eos>',
      pad_token: '<pad>',
      mask_token: '<mask>',
    },
    model: { fuse_unk: true, byte_fallback: true },
    pipeline: () => ({
      normalizer: replace(' ', '▁'),
      pre_tokenizer: {
        type: 'Split',
        pattern: { String: ' ' },
        behavior: 'MergedWithPrevious',
        invert: false,
      },
      decoder: fallbackDecoder(false),
    }),
  },
  Qwen2Tokenizer: { ...qwen(qwen2Words), addsPlain: true },
  Qwen3_5Tokenizer: qwen(qwen35Words),
  GPT2Tokenizer: {
    defaults: { unk_token: END_OF_TEXT, bos_token: END_OF_TEXT, eos_token: END_OF_TEXT },
    model: byteLevelModel,
    pipeline: ({ add_prefix_space }) => ({
      normalizer: null,
      pre_tokenizer: byteLevel(add_prefix_space),
      decoder: byteLevel(true),
    }),
  },
  GPTNeoXTokenizer: {
    defaults: {
      unk_token: END_OF_TEXT,
      bos_token: END_OF_TEXT,
      eos_token: END_OF_TEXT,
      pad_token: '<|padding|>',
    },
    model: byteLevelModel,
    pipeline: ({ add_prefix_space }) => ({
      normalizer: { type: 'NFC' },
      pre_tokenizer: byteLevel(add_prefix_space),
      decoder: byteLevel(true),
      post_processor: null,
    }),
  },
}
