import { describe, expect, test } from 'vitest'
import { TextStream } from '../../src/generation/text-stream.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { styles, texts, trained } from '../tokenizer/tokenizer-golden.js'
import { seededRandom } from '../weights/files.js'

/** The pieces of a text: those of its ids, then that of its end. */
function pieces(stream: TextStream, ids: readonly number[], stopped = false): string[] {
  return [...ids.map((id) => stream.push(id)), stream.end(stopped)]
}

const wholeTexts = texts.filter((text) => !text.includes('\ufffd'))

describe.each(styles)('with a %s tokenizer', async (style) => {
  const tokenizer = await loadTokenizer({ tokenizerJson: trained(style) })
  const special = tokenizer.specialIds

  test('the pieces joined are the text of the ids, special tokens left out', () => {
    const random = seededRandom(3)
    for (let round = 0; round < 100; round++) {
      const ids = Array.from({ length: 40 }, () => Math.floor(random() * tokenizer.vocabSize))
      const stops = round % 2 === 0 ? [] : ['e', 'the', ' \n', 'never said']
      const stream = new TextStream(tokenizer, [], stops)
      const joined = pieces(stream, ids).join('')
      expect(joined).toBe(tokenizer.decode(ids, { skipSpecialTokens: true }))
      expect(stream.text).toBe(joined)
    }
  })

  test('no piece has half a character', () => {
    for (const text of wholeTexts) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false }).filter((id) => !special.has(id))
      for (const piece of pieces(new TextStream(tokenizer, [], []), ids)) {
        expect(piece).not.toMatch(/\ufffd|\p{Surrogate}/u)
      }
    }
  })

  test('a stop string cuts the text where it begins, and no part of it is in a piece', () => {
    const said = 'the dog and the cat'
    const ids = tokenizer.encode(said, { addSpecialTokens: false })
    const whole = tokenizer.decode(ids, { skipSpecialTokens: true })
    for (let from = 1; from < whole.length; from++) {
      for (let to = from + 1; to <= whole.length; to++) {
        const stop = whole.slice(from, to)
        const begins = whole.indexOf(stop)
        const stream = new TextStream(tokenizer, [], [stop, 'unheard'])
        let text = ''
        // As a sequence does, stop at the id that completes the stop string.
        for (const [i, id] of ids.entries()) {
          text += stream.push(id)
          expect(whole.slice(0, begins).startsWith(text)).toBe(true)
          if (tokenizer.decode(ids.slice(0, i + 1)).includes(stop)) break
        }
        text += stream.end(true)
        expect(text).toBe(whole.slice(0, begins))
        expect(stream.text).toBe(text)
      }
    }
  })
})

describe('a text stream', async () => {
  const tokenizer = await loadTokenizer({ tokenizerJson: trained('gpt2') })
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false })
  const letters = (text: string) => [...text].flatMap(encode)

  test('holds back what may become a stop string, and lets go when it does not', () => {
    const stream = new TextStream(tokenizer, [], ['xyz'])
    expect(letters('axyxyb').map((id) => stream.push(id))).toEqual(['a', '', '', 'xy', '', 'xyb'])
    expect(stream.end(false)).toBe('')
  })

  test('gives what was held back when the end comes for another reason', () => {
    const stream = new TextStream(tokenizer, [], ['xyz'])
    expect(pieces(stream, letters('axy'))).toEqual(['a', '', '', 'xy'])
    expect(stream.text).toBe('axy')
  })

  test('cuts at the stop string that begins first', () => {
    const stream = new TextStream(tokenizer, [], ['yz', 'xyz'])
    expect(pieces(stream, letters('axyz'), true).join('')).toBe('a')
  })

  test('keeps a stop string that did not stop the sequence', () => {
    const stream = new TextStream(tokenizer, [], ['xyz'])
    expect(pieces(stream, letters('axyzb'), false).join('')).toBe('axyzb')
  })

  test('ends with U+FFFD for half a character', () => {
    const [first] = encode('한')
    expect(pieces(new TextStream(tokenizer, [], []), [first])).toEqual(['', '\ufffd'])
  })

  test('leaves out the text of its context', () => {
    const stream = new TextStream(tokenizer, encode('the'), [])
    expect(pieces(stream, encode(' dog')).join('')).toBe(' dog')
  })
})
