import type { TrainedBpe } from './bpe-trainer.js'

/** The token that ends a text and, where a model wants one, starts it. */
export const END_OF_TEXT = '<|endoftext|>'

/**
 * A byte-level tokenizer as HF's files have it.
 * @param specialTokens the first tokens of the vocabulary, which are matched in a text before it is split
 * @returns contents by file name; EOS, BOS and padding are `<|endoftext|>`
 */
export function byteLevelFiles(
  { tokens, merges }: TrainedBpe,
  specialTokens: readonly string[],
): Readonly<Record<'tokenizer.json' | 'tokenizer_config.json', string>> {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({ id: tokens.indexOf(content), content, ...flags })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  }
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: END_OF_TEXT,
    eos_token: END_OF_TEXT,
    pad_token: END_OF_TEXT,
    clean_up_tokenization_spaces: false,
    model_max_length: 1e30,
  }
  return { 'tokenizer.json': json(tokenizer), 'tokenizer_config.json': json(config) }
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
