import { describe, expect, test } from 'vitest'
import { diff, type Stretch } from '../../src/report/page/diff.js'
import { seededRandom } from '../weights/files.js'

const of = (stretches: readonly Stretch[], ...kinds: Stretch['kind'][]) =>
  stretches.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text)

/** Whether pieces occur in a text one after the other. */
function occurInOrder(pieces: readonly string[], text: string): boolean {
  let from = 0
  return pieces.every((piece) => {
    const at = text.indexOf(piece, from)
    from = at + piece.length
    return at >= 0
  })
}

/** The length of a longest common subsequence by the full table, as an oracle. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (const [i, word] of a.entries()) {
    for (const [j, other] of b.entries()) {
      table[i + 1][j + 1] = word === other ? table[i][j] + 1 : Math.max(table[i][j + 1], table[i + 1][j])
    }
  }
  return table[a.length][b.length]
}

describe('diff', () => {
  const random = seededRandom(3)
  const words = (count: number) => Array.from({ length: count }, () => 'abcdefgh'[Math.floor(random() * 8)])

  test('gives back the text, and says the same of what both have', () => {
    for (let round = 0; round < 300; round++) {
      const [a, b] = [words(20 * random()), words(20 * random())].map((list) => list.join(' '))
      const stretches = diff(a, b)
      expect(of(stretches, 'same', 'other').join('')).toBe(b)
      expect(occurInOrder(of(stretches, 'same'), a)).toBe(true)
      expect(of(stretches, 'other').length === 0 && of(stretches, 'missing').length === 0).toBe(a === b)
    }
  })

  test('never says that more is the same than can be, and all of it where nothing is chance', () => {
    for (let round = 0; round < 100; round++) {
      const [a, b] = [words(30), words(30)]
      const same = of(diff(`${a.join(' ')} `, `${b.join(' ')} `), 'same')
        .join('')
        .trim()
      expect(same === '' ? 0 : same.split(' ').length).toBeLessThanOrEqual(commonLength(a, b))
    }
    const a = Array.from({ length: 40 }, (_, i) => `w${i}`)
    const b = a.map((word, i) => (i === 11 || i === 30 ? 'x' : word))
    expect(of(diff(a.join(' '), b.join(' ')), 'other')).toEqual(['x ', 'x '])
  })

  test('marks words that were put in, left out and put in place of others', () => {
    expect(diff('the old dog ran home', 'the old black dog ran home')).toEqual([
      { kind: 'same', text: 'the old ' },
      { kind: 'other', text: 'black ' },
      { kind: 'same', text: 'dog ran home' },
    ])
    expect(diff('the old black dog ran home', 'the old dog ran home')).toEqual([
      { kind: 'same', text: 'the old ' },
      { kind: 'missing', text: 'black ' },
      { kind: 'same', text: 'dog ran home' },
    ])
    expect(of(diff('a b c d e', 'a b x d e'), 'other', 'missing')).toEqual(['x '])
  })

  test('takes a lone word in common between differences for chance, but not a beginning', () => {
    expect(diff('one two the three four', 'five six the seven eight')).toEqual([
      { kind: 'other', text: 'five six the seven eight' },
    ])
    expect(diff('the two', 'the four').map(({ kind }) => kind)).toEqual(['same', 'other'])
  })

  test('takes words apart in languages without spaces, and no emoji', () => {
    const stretches = diff('今日は天気がいいですね。', '今日は天気が悪いですね。')
    expect(of(stretches, 'same')[0]).toBe('今日は天気が')
    expect(of(diff('hi 👩‍🚀 there you', 'hi 👩‍🔬 there you'), 'other')).toEqual(['👩‍🔬 '])
  })

  test.each([
    ['', '', []],
    ['', 'a b', [{ kind: 'other', text: 'a b' }]],
    ['a b', '', [{ kind: 'missing', text: 'a b' }]],
  ])('takes empty texts: %j, %j', (a, b, expected) => {
    expect(diff(a, b)).toEqual(expected)
  })

  test('takes long texts, and gives up on very long ones without losing any', () => {
    const [a, b] = [words(1500).join(' '), words(1500).join(' ')]
    expect(of(diff(a, b), 'same', 'other').join('')).toBe(b)
    const [c, d] = ['p '.repeat(6000), 'q '.repeat(6000)]
    expect(diff(c, d)).toEqual([{ kind: 'other', text: d }])
  })
})
