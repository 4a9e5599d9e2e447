import type { Metadata } from './gguf-special.js'
import { tokenizerFromGguf } from './gguf-tokenizer.js'
import type { BpeJson } from './tokenizer-json.js'

/**
 * The tokenizer of a GGUF file as HF's files.
 * @returns contents by file name
 * @throws UserError as `tokenizerFromGguf`
 */
export function tokenizerFilesOf(
  metadata: Metadata,
): Readonly<Record<'tokenizer.json' | 'tokenizer_config.json', object>> {
  const { tokenizerJson, tokenizerConfig } = tokenizerFromGguf(metadata)
  const { model, added_tokens, ...parts } = tokenizerJson
  const flags = { single_word: false, lstrip: false, rstrip: false }
  const { extra_eos_token_ids: _, chat_template: template, ...config } = tokenizerConfig ?? {}
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added_tokens?.map((token) => ({ ...flags, ...token })),
      ...parts,
      model: modelOf(model),
    },
    'tokenizer_config.json': {
      ...config,
      tokenizer_class: 'PreTrainedTokenizerFast',
      clean_up_tokenization_spaces: false,
      model_max_length: 1e30,
      ...(template != null && { chat_template: templatesOf(template) }),
    },
  }
}

/** HF has the templates of several names as a list. */
function templatesOf(template: unknown): unknown {
  if (typeof template === 'string') return template
  return Object.entries(template as object).map(([name, text]) => ({ name, template: text }))
}

/** In HF's format: ids by token, and merges in the place of scores. */
function modelOf({ vocab, scores, merges, ...model }: BpeJson): object {
  const tokens = vocab as readonly string[]
  const ids = new Map(tokens.map((token, id) => [token, id]))
  return {
    dropout: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ...model,
    vocab: Object.fromEntries(ids),
    merges: scores ? mergesByScore(tokens, ids, scores) : merges,
  }
}

/** All pairs that make a token, best first: those of the highest score, and of one token by their parts' ids. */
function mergesByScore(
  tokens: readonly string[],
  ids: ReadonlyMap<string, number>,
  scores: ArrayLike<number>,
): [string, string][] {
  const pairs: { pair: [string, string]; score: number }[] = []
  for (const [id, token] of tokens.entries()) {
    for (let cut = 1; cut < token.length; cut++) {
      const pair: [string, string] = [token.slice(0, cut), token.slice(cut)]
      if (ids.has(pair[0]) && ids.has(pair[1])) pairs.push({ pair, score: scores[id] })
    }
  }
  // The sort is stable.
  return pairs.sort((a, b) => b.score - a.score).map(({ pair }) => pair)
}
