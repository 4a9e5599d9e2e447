import { describe, expect, it } from 'vitest'
import { createDetokenizer } from '../../src/tokenizer/detokenizer.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { encodings, styles, texts, trained } from './tokenizer-golden.js'

const load = (style: string) => loadTokenizer({ tokenizerJson: trained(style) })

const wholeTexts = texts.filter((text) => !text.includes('\ufffd'))

function stream(tokenizer: Tokenizer, ids: readonly number[], options = {}): string[] {
  const detokenizer = createDetokenizer(tokenizer, options)
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()]
}

describe.each(styles)('streaming a %s tokenizer', (style) => {
  it('joins to the text that Rust tokenizers decodes', async () => {
    const tokenizer = await load(style)
    for (const { ids, text, plain } of encodings[style].decoded) {
      expect(stream(tokenizer, ids).join('')).toBe(text)
      expect(stream(tokenizer, ids, { skipSpecialTokens: true }).join('')).toBe(plain)
    }
  })

  it('gives only text that holds whatever comes next', async () => {
    const tokenizer = await load(style)
    const continuations = encodings[style].decoded.slice(0, 12).map(({ ids }) => ids)
    for (const { ids } of encodings[style].decoded.slice(20)) {
      const given = stream(tokenizer, ids).slice(0, -1).join('')
      for (const next of continuations)
        expect(tokenizer.decode([...ids, ...next]).startsWith(given)).toBe(true)
    }
  })

  it('never gives half a character of real text', async () => {
    const tokenizer = await load(style)
    for (const text of wholeTexts) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false })
      for (const piece of stream(tokenizer, ids)) expect(piece).not.toMatch(/\ufffd|\p{Surrogate}/u)
    }
  })

  it('continues the text of its context', async () => {
    const tokenizer = await load(style)
    for (const text of wholeTexts) {
      const ids = tokenizer.encode(text)
      const whole = tokenizer.decode(ids)
      for (let cut = 0; cut <= Math.min(ids.length, 12); cut++) {
        const context = ids.slice(0, cut)
        const before = tokenizer.decode(context)
        const rest = stream(tokenizer, ids.slice(cut), { context }).join('')
        // A character that the context leaves open belongs to what follows.
        expect(before.replace(/\ufffd+$/, '') + rest).toBe(whole)
      }
    }
  })
})

describe('a detokenizer', () => {
  it('holds back the bytes of a character until it is whole', async () => {
    for (const style of ['gpt2', 'gemma']) {
      const tokenizer = await load(style)
      const ids = tokenizer.encode('한', { addSpecialTokens: false })
      expect(ids).toHaveLength(3)
      const pieces = stream(tokenizer, [...ids, ...tokenizer.encode('a', { addSpecialTokens: false })])
      expect(pieces.slice(0, 2)).toEqual(['', ''])
      expect(pieces.join('')).toBe('한a')
    }
  })

  it('turns what stays incomplete into U+FFFD', async () => {
    const tokenizer = await load('gpt2')
    const [first, second] = tokenizer.encode('한', { addSpecialTokens: false })
    expect(stream(tokenizer, [first, second])).toEqual(['', '', '\ufffd'])
  })

  it('drops the dummy prefix at the start of a text only', async () => {
    const tokenizer = await load('llama2')
    const ids = tokenizer.encode('the dog', { addSpecialTokens: false })
    expect(stream(tokenizer, ids).join('')).toBe('the dog')
    expect(stream(tokenizer, ids, { context: ids }).join('')).toBe(' the dog')
  })

  it('leaves out the end of its context, though byte fallback held it back', async () => {
    const tokenizer = await load('llama2')
    const context = tokenizer.encode('the 한')
    expect(tokenizer.idToToken(context.at(-1)!)).toBe('<0x9C>')
    expect(
      stream(tokenizer, tokenizer.encode('한', { addSpecialTokens: false }).slice(1), { context }).join(''),
    ).toBe('한')
    expect(stream(tokenizer, [tokenizer.tokenToId('▁')!], { context }).join('')).toBe(' ')
  })
})
