import { describe, expect, it } from 'vitest'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf-tokenizer.js'
import { createPreTokenizer } from '../../src/tokenizer/pre-tokenizer.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { golden } from './tokenizer-golden.js'

const { texts, words } = golden<{ texts: string[]; words: Record<string, number[][]> }>('pre-tokenizers.json')
const metadata = (pre: string) =>
  new Map(
    Object.entries({
      ...golden<{ gpt2: { metadata: object } }>('gguf.json').gpt2.metadata,
      'tokenizer.ggml.pre': pre,
      'tokenizer.ggml.bos_token_id': 0,
    }),
  )

/** Lengths in bytes, as which a byte-level pre-tokenizer writes characters. */
function lengthsBy(pre: string): number[][] {
  const split = createPreTokenizer(tokenizerFromGguf(metadata(pre)).tokenizerJson.pre_tokenizer)
  return texts.map((text) =>
    text === '' ? [] : split({ text, atStart: true }).texts.map((word) => word.length),
  )
}

describe('the pre-tokenizers of GGUF files split as HF tokenizers do with the patterns of the models', () => {
  it.each(Object.keys(words))('%s', (pre) => {
    const lengths = lengthsBy(pre)
    for (const [i, text] of texts.entries()) expect(lengths[i], JSON.stringify(text)).toEqual(words[pre][i])
  })

  it('and no two kinds alike, but those of one pattern', () => {
    const kinds = new Map<string, string[]>()
    for (const [pre, lengths] of Object.entries(words)) {
      const key = JSON.stringify(lengths)
      kinds.set(key, [...(kinds.get(key) ?? []), pre])
    }
    expect([...kinds.values()].filter((names) => names.length > 1)).toEqual([['stablelm2', 'bailingmoe']])
  })
})

it.each([
  ['chatglm-bpe', 'glm4'],
  ['hunyuan-dense', 'deepseek-v3'],
  ['joyai-llm', 'deepseek-v3'],
  ['hy_v4', 'deepseek-v3'],
  ['hunyuan', 'stablelm2'],
  ['grok-2', 'stablelm2'],
  ['solar-open', 'stablelm2'],
  ['llada-moe', 'bailingmoe'],
  ['minerva-7b', 'exaone'],
  ['poro-chat', 'bloom'],
  ['modern-bert', 'exaone4'],
  ['cohere2moe', 'tiny_aya'],
])('%s splits as %s', (pre, kind) => {
  expect(lengthsBy(pre)).toEqual(words[kind])
})

it.each([
  ['llama-bpe', true],
  ['tekken', true],
  ['chameleon', true],
  ['tiny_aya', false],
  ['minicpm5', false],
  ['youtu', false],
  ['glm4', false],
  ['kimi-k2', false],
])('%s puts BOS first where the file does not say: %s', async (pre, isFirst) => {
  const tokenizer = await loadTokenizer(tokenizerFromGguf(metadata(pre)))
  expect(tokenizer.encode('a')[0] === 0).toBe(isFirst)
})

it.each(['whitespace', 'sarvam-moe', 'granite-embed-multi-311m', 'jina-v1-en', 'roberta-bpe', 'toString'])(
  '%s is refused by its name',
  (pre) => {
    expect(() => tokenizerFromGguf(metadata(pre))).toThrow(
      `The GGUF file's pre-tokenizer "${pre}" is not supported`,
    )
  },
)

it('looks through a long run of spaces once', async () => {
  const tokenizer = await loadTokenizer(tokenizerFromGguf(metadata('deepseek-llm')))
  expect(tokenizer.encode(`${' '.repeat(200_000)}中`).length).toBeGreaterThan(1000)
})
