import { expect, test } from 'vitest'
import { compileSchema } from '../../../src/grammar/schema/index.js'
import { wordPieces } from '../../../src/grammar/words.js'

test.each([
  ["Ann's bill: 1,250.50 EUR.", ["Ann's", ' ', 'bill', ':', ' ', '1,250.50', ' ', 'EUR', '.']],
  ['東京 é', ['東', '京', ' ', 'é']],
  ['', []],
])('pieces of %j join to it', (text, pieces) => {
  expect(wordPieces(text)).toEqual(pieces)
  expect(wordPieces(text).join('')).toBe(text)
})

/** Every text that a schema of verbatim pieces could be asked about: all slices of the source by code units. */
function slices(text: string): Set<string> {
  const found = new Set<string>([''])
  for (let i = 0; i < text.length; i++) for (let j = i + 1; j <= text.length; j++) found.add(text.slice(i, j))
  return found
}

test.each(['ab ab "c" ab', 'say "hi\\n" to Zoé', 'aa aaa aa', 'one\ntwo 1.5'])(
  'substringOf holds exactly the verbatim pieces of %j that begin and end with a whole word',
  (text) => {
    const pieces = wordPieces(text)
    const wanted = new Set<string>()
    for (let i = 0; i < pieces.length; i++) {
      for (let j = i + 1; j <= pieces.length; j++) {
        const piece = pieces.slice(i, j)
        if (piece[0].trim() !== '' && piece.at(-1)!.trim() !== '') wanted.add(piece.join(''))
      }
    }
    const machine = compileSchema(JSON.stringify({ type: 'string', substringOf: text }))
    for (const slice of [...slices(text), 'absent', `${text}x`]) {
      let state = machine.start
      for (const byte of Buffer.from(JSON.stringify(slice))) state = machine.next(state, byte)
      expect([slice, machine.accepts(state)]).toEqual([slice, wanted.has(slice)])
    }
  },
)
