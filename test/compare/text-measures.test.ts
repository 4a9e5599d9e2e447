import { describe, expect, test } from 'vitest'
import { differsAt, distinct, repetition } from '../../src/compare/text-measures.js'

describe('distinct-n', () => {
  test('counts different n-grams over all, and none across sequences', () => {
    const sequences = [
      [1, 2, 1, 2],
      [1, 2, 3],
    ]
    expect(distinct(sequences, 1)).toBe(3 / 7)
    // 12 21 12 and 12 23.
    expect(distinct(sequences, 2)).toBe(3 / 5)
    // 121 212 and 123.
    expect(distinct(sequences, 3)).toBe(1)
  })

  test('tells [1, 23] from [12, 3]', () => {
    expect(
      distinct(
        [
          [1, 23],
          [12, 3],
        ],
        2,
      ),
    ).toBe(1)
  })

  test('of sequences that are too short is 0', () => {
    expect(distinct([[1, 2], [3]], 3)).toBe(0)
    expect(distinct([], 1)).toBe(0)
  })
})

describe('repetition', () => {
  test('is the share of 4-grams that were there before in the same sequence', () => {
    // 1234 2341 3412 4123 1234 2341: the last two.
    expect(repetition([[1, 2, 3, 4, 1, 2, 3, 4, 1]])).toBe(2 / 6)
    expect(
      repetition([
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ]),
    ).toBe(0)
    expect(repetition([[7, 7, 7, 7, 7, 7]])).toBe(2 / 3)
    expect(repetition([[1, 2, 3]])).toBe(0)
  })
})

test.each([
  ['same', 'same', null],
  ['', '', null],
  ['abc', 'abd', 2],
  ['ab', 'abc', 2],
  ['abc', 'ab', 2],
  ['x', '', 0],
  ['😀a', '😁a', 1],
])('%j differs from %j at %j', (text, other, at) => {
  expect(differsAt(text, other)).toBe(at)
})
