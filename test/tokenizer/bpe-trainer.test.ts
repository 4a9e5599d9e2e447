import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { trainBpe } from '../../src/tokenizer/bpe-trainer.js'
import { byteLevelFiles } from '../../src/tokenizer/byte-level-files.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { WordCounter } from '../../src/tokenizer/word-counter.js'

interface Golden {
  readonly specialTokens: string[]
  readonly cases: readonly {
    readonly name: string
    readonly text: string
    readonly vocabSize: number
    readonly minFrequency: number
    readonly tokens: string[]
    readonly merges: [string, string][]
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/bpe-trainer/golden.json', import.meta.url), 'utf8'),
)
const { specialTokens } = golden

function trainOn(text: string, vocabSize: number, minFrequency: number) {
  const words = new WordCounter()
  words.add(text)
  return trainBpe(words.counts, { vocabSize, minFrequency, specialTokens })
}

describe('a byte-level BPE is what HF tokenizers trains on', () => {
  const rows = golden.cases.map((each) => [each.name, each.vocabSize, each.minFrequency, each] as const)
  test.each(rows)('%s, %i tokens, pairs from %i times on', (_, vocabSize, minFrequency, each) => {
    const { tokens, merges } = trainOn(each.text, vocabSize, minFrequency)
    expect(merges).toEqual(each.merges)
    expect(tokens).toEqual(each.tokens)
  })
})

describe('its files', () => {
  test('load, and give every text back', async () => {
    const text = golden.cases.find(({ name }) => name === 'unicode')!.text
    const files = byteLevelFiles(trainOn(text, 300, 2), specialTokens)
    const tokenizer = await loadTokenizer({
      tokenizerJson: JSON.parse(files['tokenizer.json']),
      tokenizerConfig: JSON.parse(files['tokenizer_config.json']),
    })
    expect(tokenizer.vocabSize).toBe(300)
    const ids = tokenizer.encode(text)
    expect(ids.length).toBeLessThan(Buffer.byteLength(text))
    expect(tokenizer.decode(ids)).toBe(text)
    expect(tokenizer.encode('a<|endoftext|>b')[1]).toBe(0)
    expect(tokenizer.eosTokenIds).toEqual([0])
  })
})
