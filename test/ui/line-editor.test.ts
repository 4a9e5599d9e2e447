import { describe, expect, test } from 'vitest'
import { KeyDecoder } from '../../src/ui/keys.js'
import { inputRows, LineEditor } from '../../src/ui/line-editor.js'

const ESC = '\u001b'
const LEFT = `${ESC}[D`
const UP = `${ESC}[A`
const DOWN = `${ESC}[B`

/** Types what a terminal sends, in chunks; gives what was entered and what is left, the cursor as `|`. */
function type(...chunks: string[]) {
  const [editor, decoder] = [new LineEditor(), new KeyDecoder()]
  const entered = chunks.flatMap((chunk) => decoder.push(chunk)).flatMap((key) => editor.press(key) ?? [])
  const { text, cursor } = editor
  return { entered, left: `${text.slice(0, cursor)}|${text.slice(cursor)}` }
}

describe('a line', () => {
  test.each<[name: string, typed: string, left: string]>([
    ['text', 'hello', 'hello|'],
    ['left and right', `abc${LEFT}${LEFT}${ESC}[C`, 'ab|c'],
    ['left at the beginning', `a${LEFT}${LEFT}${LEFT}x`, 'x|a'],
    ['Home and End', `abc${ESC}[Hx${ESC}[Fy`, 'xabcy|'],
    ['Home and End of other terminals', `abc${ESC}OHx${ESC}[4~y`, 'xabcy|'],
    ['Ctrl-A and Ctrl-E', 'abc\u0001x\u0005y', 'xabcy|'],
    ['Ctrl-U', `one two${LEFT}\u0015`, '|o'],
    ['Ctrl-K', `one two${LEFT}${LEFT}\u000b`, 'one t|'],
    ['Ctrl-W', 'one two  \u0017', 'one |'],
    ['Ctrl-W in a line', `one two three${ESC}b\u0017`, 'one |three'],
    ['Ctrl-arrows', `one two${ESC}[1;5D${ESC}[1;5Dx${ESC}[1;5Cy`, 'xoney| two'],
    ['Backspace and Delete', `abcd\u007f${LEFT}${ESC}[3~`, 'ab|'],
    ['Ctrl-D in a line', `ab${LEFT}\u0004`, 'a|'],
    ['wide characters', `日本語${LEFT}\u007fx`, '日x|語'],
    ['characters of several units', `a👩‍👩‍👧é${LEFT}\u007f`, 'a|é'],
    ['keys without a meaning', `a${ESC}[15~${ESC}x\u0000b`, 'ab|'],
    ['Ctrl-J', 'a\nb', 'a\nb|'],
    ['Alt+Enter', `a${ESC}\rb`, 'a\nb|'],
    ['a backslash at the end', 'a\\\rb', 'a\nb|'],
    ['Enter without text', '  \r', '  |'],
    ['up and down between lines', `abc\nd\nefg${UP}x${UP}y`, 'aby|c\ndx\nefg'],
    ['down to a shorter line', `abc\nd${UP}${ESC}[F${DOWN}`, 'abc\nd|'],
    ['Home and End of several lines', `ab\ncd${UP}${ESC}[Hx${ESC}[Fy`, 'xaby|\ncd'],
  ])('takes %s', (_, typed, left) => {
    expect(type(typed)).toEqual({ entered: [], left })
  })

  test('is entered, and comes back from the history', () => {
    expect(type('one\rtwo\r')).toEqual({ entered: ['one', 'two'], left: '|' })
    expect(type('one\rtwo\rdraft', UP, UP, UP).left).toBe('one|')
    expect(type('one\rtwo\rdraft', UP, UP, DOWN, DOWN, DOWN).left).toBe('draft|')
    expect(type('one\rtwo\r', UP, 's\r', UP, UP)).toEqual({ entered: ['one', 'two', 'twos'], left: 'two|' })
    expect(type('one\rone\rtwo\r', UP, UP, UP).left).toBe('one|')
  })

  test('takes what is pasted as it is, in whatever pieces it comes', () => {
    const pasted = `x${ESC}[200~one\r\ntwo\tthree\rfour${ESC}[A${ESC}[201~y`
    const left = 'xone\ntwo    three\nfour[Ay|'
    expect(type(pasted)).toEqual({ entered: [], left })
    for (const at of [10, 14, 40]) {
      expect(type(pasted.slice(0, at), pasted.slice(at))).toEqual({ entered: [], left })
    }
    expect(type(`${ESC}[200~one\ntwo${ESC}[201~\r`).entered).toEqual(['one\ntwo'])
  })

  test('knows a key that comes in two pieces', () => {
    expect(type(`ab${ESC}[`, 'Dx').left).toBe('ax|b')
  })
})

describe('inputRows', () => {
  test.each<[text: string, cursor: number, rows: string[], row: number, column: number]>([
    ['', 0, [''], 0, 0],
    ['abc', 3, ['abc'], 0, 3],
    ['abcdef', 4, ['abcd', 'ef'], 1, 0],
    ['abcdef', 6, ['abcd', 'ef'], 1, 2],
    ['ab\ncd', 2, ['ab', 'cd'], 0, 2],
    ['ab\ncd', 3, ['ab', 'cd'], 1, 0],
    ['ab\n', 3, ['ab', ''], 1, 0],
    ['日本語', 2, ['日本', '語'], 1, 0],
    ['a日本', 2, ['a日', '本'], 1, 0],
    ['😀😀😀', 4, ['😀😀', '😀'], 1, 0],
  ])('of %j with the cursor at %d', (text, cursor, rows, row, column) => {
    expect(inputRows(text, cursor, 4)).toEqual({ rows, row, column })
  })
})
