import { describe, expect, it } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import type { TokenizerFiles } from '../../src/tokenizer/tokenizer-files.js'
import type { BpeJson, TokenizerJson } from '../../src/tokenizer/tokenizer-json.js'
import { golden } from './tokenizer-golden.js'

/** Made by scripts/oracle/make_tokenizers.py with `--texts 14 --seed 3 --golden`. */
interface Golden {
  readonly models: Readonly<Record<string, BpeJson>>
  readonly tokenizers: Readonly<Record<string, Expected>>
}

interface Expected {
  readonly tokenizer: TokenizerJson & { readonly of: string }
  readonly files: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly cases: readonly { readonly text: string; readonly ids: number[]; readonly bare: number[] }[]
  readonly decoded: readonly { readonly ids: number[]; readonly text: string; readonly plain: string }[]
  readonly special: Readonly<Record<string, readonly [string | null, number | null]>>
}

const { models, tokenizers } = golden<Golden>('files.json')

function filesOf({ tokenizer: { of, ...tokenizer }, files }: Expected): TokenizerFiles {
  const tokenizerConfig = files['tokenizer_config.json'] ?? {}
  return {
    tokenizerJson: { ...tokenizer, model: { ...models[of], ...tokenizer.model } },
    tokenizerConfig,
    specialTokensMap: files['special_tokens_map.json'],
    addedTokens: files['added_tokens.json'],
    hints: {
      tokenizerClass: tokenizerConfig.tokenizer_class as string | undefined,
      modelType: (files['config.json']?.model_type as string | undefined) ?? 'llama',
    },
  }
}

describe('as transformers does with the same files, a tokenizer', () => {
  it.each(Object.entries(tokenizers))('%s reads and writes text', async (_, expected) => {
    const tokenizer = await loadTokenizer(filesOf(expected))
    for (const { text, ids, bare } of expected.cases) {
      expect(tokenizer.encode(text), text).toEqual(ids)
      expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(bare)
    }
    for (const { ids, text, plain } of expected.decoded) {
      expect(tokenizer.decode(ids)).toBe(text)
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(plain)
    }
    const idOf = (token: string | undefined) => [token ?? null, tokenizer.tokenToId(token ?? '') ?? null]
    expect(idOf(tokenizer.eosToken)).toEqual(expected.special.eos_token)
    expect(idOf(tokenizer.bosToken)).toEqual(expected.special.bos_token)
    expect(idOf(tokenizer.padToken)).toEqual(expected.special.pad_token)
  })
})
