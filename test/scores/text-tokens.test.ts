import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sequenceBreakers } from '../../src/scores/processors/breakers.js'
import { tokenTexts } from '../../src/scores/processors/text-tokens.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'

const load = (name: string) => {
  const url = new URL(`../golden/tokenizer/tokenizers/${name}.json`, import.meta.url)
  return loadTokenizer({ tokenizerJson: JSON.parse(readFileSync(url, 'utf8')) })
}

describe.each(['smollm', 'gpt2', 'llama2', 'gemma', 'metaspace', 'llama3', 'qwen2'])('%s', (name) => {
  test('texts of tokens are what they add to a text', async () => {
    const tokenizer = await load(name)
    const before = tokenizer.encode('a', { addSpecialTokens: false })
    const start = tokenizer.decode(before)
    for (const [id, text] of tokenTexts(tokenizer).entries()) {
      expect(start + text).toBe(tokenizer.decode([...before, id]))
    }
  })

  test('breakers are the tokens that hold them, or begin them', async () => {
    const tokenizer = await load(name)
    const { tails } = sequenceBreakers(['e', 'ing'], tokenizer)()
    const texts = tokenTexts(tokenizer)
    for (const [id, text] of texts.entries()) {
      const whole = text.includes('e') || text.includes('ing')
      const begins = text.endsWith('i') || text.endsWith('in')
      expect(tails.has(id)).toBe(whole || begins)
      expect(tails.get(id)?.some((tail) => tail.length === 0) ?? false).toBe(whole)
    }
    expect(sequenceBreakers(['none'], tokenizer)().tails.size).toBe(0)
    expect(sequenceBreakers([], undefined)().tails.size).toBe(0)
    expect(() => sequenceBreakers(['a'], undefined)).toThrow('needs a tokenizer')
  })
})
