import { describe, expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { INDEX_DEPTH, SuffixIndex } from '../../src/strategies/suffix-index.js'
import { indexOf, joined } from './corpora.js'

const BOUNDARY = 5

/** Random tokens: each is below `tokens`. */
function randomText(random: () => number, length: number, tokens: number): number[] {
  return Array.from({ length }, () => Math.floor(random() * tokens))
}

/** Documents that sorting or searching could trip over, by name. */
function corpora(): Record<string, number[][]> {
  const random = createRandom(7)
  const fibonacci: number[][] = [[0], [0, 1]]
  while (fibonacci.at(-1)!.length < 300) fibonacci.push([...fibonacci.at(-1)!, ...fibonacci.at(-2)!])
  return {
    'random tokens': [randomText(random, 400, 5)],
    'two tokens': [randomText(random, 300, 2)],
    'many short documents': Array.from({ length: 150 }, () => randomText(random, random() * 5, 3)),
    'equal documents': Array.from({ length: 30 }, () => [0, 1, 2, 3, 4, 0, 1]),
    'one token over and over': [Array(200).fill(3), Array(40).fill(3)],
    'a period longer than the depth': [Array.from({ length: 300 }, (_, i) => (i % 19 === 0 ? 1 : 0))],
    'a Fibonacci word': [fibonacci.at(-1)!],
    'a long passage twice': [randomText(createRandom(3), 90, 4), [2, ...randomText(createRandom(3), 90, 4)]],
    'a single token': [[2]],
    'empty documents': [[], [], [1], []],
  }
}

/** Where the end of `text` of `size` tokens occurs within a document, by looking everywhere. */
function occurrences(tokens: readonly number[], text: readonly number[], size: number): number[] {
  const pattern = text.slice(text.length - size)
  return [...tokens.keys()].filter((at) => pattern.every((token, i) => tokens[at + i] === token))
}

function longestBySearch(tokens: readonly number[], text: readonly number[], most: number) {
  for (let size = Math.min(most, INDEX_DEPTH, text.length); size > 0; size--) {
    const places = occurrences(tokens, text, size)
    if (places.length > 0 && !text.slice(text.length - size).includes(BOUNDARY)) return { size, places }
  }
  return { size: 0, places: [] }
}

/** Texts whose ends occur in documents, in part or not at all. */
function queries(documents: readonly number[][]): number[][] {
  const random = createRandom(11)
  const cut = (document: readonly number[]) => {
    const end = Math.floor(random() * (document.length + 1))
    return document.slice(Math.max(0, end - 25), end)
  }
  const pick = () => cut(documents[Math.floor(random() * documents.length)])
  return Array.from({ length: 60 }, (_, i) => [
    ...(i % 3 === 0 ? randomText(random, 4, 5) : []),
    ...pick(),
    ...(i % 3 === 1 ? pick() : []),
    ...(i % 10 === 9 ? [BOUNDARY] : []),
  ])
}

const byNumber = (a: number, b: number) => a - b

describe.each(Object.entries(corpora()))('an index of %s', (_, documents) => {
  const tokens = joined(documents, BOUNDARY)

  test('has the suffixes in the order of their first tokens, equal ones by position', async () => {
    const { suffixes } = await indexOf(documents, BOUNDARY)
    const compare = (a: number, b: number) => {
      for (let i = 0; i < INDEX_DEPTH; i++) {
        // The end of the text comes before all tokens.
        const difference = (tokens[a + i] ?? -1) - (tokens[b + i] ?? -1)
        if (difference !== 0) return difference
      }
      return a - b
    }
    expect([...suffixes]).toEqual([...tokens.keys()].sort(compare))
  })

  test.each([1, 2, 5, 16, 40])('finds the longest end of %i tokens at most', async (most) => {
    const index = await indexOf(documents, BOUNDARY)
    for (const text of queries(documents)) {
      const match = index.longestEnd(text, most)
      const { size, places } = longestBySearch(tokens, text, most)
      expect(match.size, String(text)).toBe(size)
      const found = index.continuations(match, tokens.length)
      expect(found.toSorted(byNumber), String(text)).toEqual(places.map((place) => place + size))
    }
  })
})

describe('an index', () => {
  test('knows nothing of tokens that no document has', async () => {
    const index = await indexOf([[1, 2, 3]], 100)
    for (const text of [[99], [100], [5_000], [1, 99], []]) {
      expect(index.longestEnd(text, 16)).toEqual({ size: 0, from: 0, to: 0 })
    }
    expect(index.longestEnd([99, 1, 2], 16).size).toBe(2)
  })

  test('finds nothing across the end of a document', async () => {
    const index = await indexOf([
      [1, 2, 3],
      [4, 1],
    ])
    expect(index.longestEnd([3, 4], 16)).toMatchObject({ size: 1 })
    expect(index.continuations(index.longestEnd([2, 3], 16), 9)).toEqual([3])
    expect(index.tokens[3]).toBe(index.boundary)
  })

  test('takes tokens beyond 16 bits', async () => {
    const tokens = Uint32Array.of(70_000, 99_999, 70_000, 4, 70_000, 100_000)
    const index = await SuffixIndex.build(tokens, 100_000)
    expect([...index.suffixes]).toEqual([3, 2, 0, 4, 1, 5])
    expect(index.continuations(index.longestEnd([99_999, 70_000], 16), 9)).toEqual([3])
  })

  test('reads part of many occurrences, in which continuations keep their share', async () => {
    // 600 times 1 2 3, 300 times 1 2 4, and 100 times 1 2 0.
    const documents = Array.from({ length: 1000 }, (_, i) => [1, 2, i % 10 < 6 ? 3 : i % 10 < 9 ? 4 : 0])
    const index = await indexOf(documents)
    const match = index.longestEnd([1, 2], 16)
    expect(match.to - match.from).toBe(1000)
    const counts = new Map<number, number>()
    for (const place of index.continuations(match, 50)) {
      counts.set(index.tokens[place], (counts.get(index.tokens[place]) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({ 0: 5, 3: 30, 4: 15 })
  })

  test('is made of a million equal tokens without comparing each with each', async () => {
    const tokens = new Uint16Array(1_000_001).fill(1)
    tokens[1_000_000] = 2
    const index = await SuffixIndex.build(tokens, 2)
    const { size, from, to } = index.longestEnd(Array(20).fill(1), 16)
    expect([size, to - from]).toEqual([16, 1_000_000 - 15])
    expect(index.suffixes[from]).toBe(0)
  })

  test('is left half made where that is wanted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(SuffixIndex.build(Uint16Array.of(0, 1), 1, signal)).rejects.toThrow('enough')
  })
})
