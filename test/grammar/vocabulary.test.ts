import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { readVocabulary, TOKEN_KIND } from '../../src/grammar/vocabulary.js'
import { createRandom } from '../../src/random.js'
import { createDetokenizer } from '../../src/tokenizer/detokenizer.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { texts, trained } from '../tokenizer/tokenizer-golden.js'
import { kinds, tokenizerOf } from './tokenizers.js'

describe.each(kinds)('the bytes of a %s tokenizer', (kind) => {
  test('are those of the text that its tokens spell', async () => {
    const tokenizer = await tokenizerOf(kind)
    const vocabulary = readVocabulary(tokenizer)
    const context = tokenizer.encode('a', { addSpecialTokens: false })
    // Special tokens are none of the text, and SentencePiece writes ▁ as a space.
    for (const text of texts.filter((each) => !/<|▁/.test(each))) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false })
      const bytes = Buffer.concat(ids.map((id) => vocabulary.bytesOf(id)))
      const within = createDetokenizer(tokenizer, { context })
      expect(bytes.toString()).toBe(ids.map((id) => within.push(id)).join('') + within.flush())
      // Its decoder leaves <0x56> as it is, as HF's does.
      if (kind === 'metaspace') continue
      // NFC changes the text before tokens are made of it.
      const written = kind === 'qwen2' ? text.normalize('NFC') : text
      expect([written, ` ${written}`]).toContain(bytes.toString())
    }
  })

  test('are those of its decoder for tokens in any order', async () => {
    const tokenizer = await tokenizerOf(kind)
    const vocabulary = readVocabulary(tokenizer)
    const text = vocabulary.idsOf(TOKEN_KIND.text)
    const context = tokenizer.encode('a', { addSpecialTokens: false })
    const random = createRandom(1)
    let compared = 0
    for (let turn = 0; turn < 500; turn++) {
      const ids = Array.from({ length: 3 }, () => text[Math.floor(random() * text.length)])
      const bytes = Buffer.concat(ids.map((id) => vocabulary.bytesOf(id)))
      if (!isUtf8(bytes)) continue
      const within = createDetokenizer(tokenizer, { context })
      expect(bytes.toString()).toBe(ids.map((id) => within.push(id)).join('') + within.flush())
      compared++
    }
    expect(compared).toBeGreaterThan(50)
  })
})

describe('a vocabulary', () => {
  test('tells text from control tokens, ends, gaps and padding', async () => {
    const json = trained('gpt2')
    const vocab = { ...(json.model.vocab as Record<string, number>), gap: 530 }
    const tokenizer = await loadTokenizer({
      tokenizerJson: { ...json, model: { ...json.model, vocab } },
      tokenizerConfig: { eos_token: '<|end|>', extra_eos_token_ids: [7] },
    })
    const { kinds: found, size } = readVocabulary(tokenizer, { size: 600 })
    const kindOf = (id: number) => Object.entries(TOKEN_KIND).find(([, number]) => number === found[id])?.[0]
    expect(size).toBe(600)
    expect([0, 1, 2, 7].map(kindOf)).toEqual(['control', 'end', 'control', 'end'])
    // An added token that is not special is text.
    const tool = tokenizer.tokenToId('<tool>')!
    expect([tool, 530, 529, 531, 532, 599].map(kindOf)).toEqual([
      'text',
      'text',
      'unused',
      'unused',
      'unused',
      'unused',
    ])
    const vocabulary = readVocabulary(tokenizer, { ends: [2] })
    expect([1, 2, 7].map((id) => vocabulary.kinds[id])).toEqual([
      TOKEN_KIND.control,
      TOKEN_KIND.end,
      TOKEN_KIND.text,
    ])
    expect(vocabulary.bytesOf(1)).toHaveLength(0)
    expect(readVocabulary(tokenizer, { size: 5 }).size).toBe(5)
  })

  test('does without tokens of no bytes, and of more than a trie can hold', () => {
    const source = {
      vocabSize: 3,
      specialIds: new Set<number>(),
      eosTokenIds: [],
      tokenBytes: (id: number) => new Uint8Array([0, 1, 70_000][id]),
    }
    expect([...readVocabulary(source).kinds]).toEqual([TOKEN_KIND.unused, TOKEN_KIND.text, TOKEN_KIND.unused])
  })
})
