import { describe, expect, it } from 'vitest'
import { chunksOf } from '../../src/extract/chunks.js'

const words = { most: 100, overlap: 0, count: (text: string) => text.trim().split(/\s+/).length }

describe('chunksOf', () => {
  it('cuts a megabyte without an end of a sentence, in the memory that there is', () => {
    const text = 'word '.repeat(200_000)
    const chunks = chunksOf(text, words)
    expect(chunks.map((chunk) => chunk.text).join('')).toBe(text)
    expect(chunks.length).toBeLessThan(6_000)
  })

  it('cuts at the ends of sentences beyond the first window', () => {
    const sentence = `A${' word of many a'.repeat(20)} ends here. `
    const chunks = chunksOf(sentence.repeat(100), words)
    expect(chunks.map(({ text }) => text)).toEqual(Array(100).fill(sentence))
  })
})
