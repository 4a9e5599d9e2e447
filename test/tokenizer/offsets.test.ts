import { describe, expect, it } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import type { TokenizerJson } from '../../src/tokenizer/tokenizer-json.js'
import { golden, styles, texts, trained } from './tokenizer-golden.js'

interface Offsets {
  readonly more: string[]
  readonly made: Record<string, Partial<TokenizerJson>>
  readonly encodings: Record<string, { ids: number[][]; offsets: number[][]; bare: number[][] }>
}

const { more, made, encodings } = golden<Offsets>('offsets.json')
const all = [...texts, ...more]

function tokenizerOf(name: string): TokenizerJson {
  return name in made ? { ...trained(name === 'unknown' ? 'llama2' : 'gpt2'), ...made[name] } : trained(name)
}

describe.each([...styles, ...Object.keys(made)])('offsets of a %s tokenizer', (name) => {
  const expected = encodings[name]

  it.each(all.map((text, i) => [text, i] as const))('of %j are those of transformers', async (text, i) => {
    const tokenizer = await loadTokenizer({ tokenizerJson: tokenizerOf(name) })
    const flat = (addSpecialTokens: boolean) =>
      tokenizer.encodeWithOffsets(text, { addSpecialTokens }).flatMap(({ start, end }) => [start, end])
    expect(tokenizer.encodeWithOffsets(text).map(({ id }) => id)).toEqual(expected.ids[i])
    expect(tokenizer.encode(text)).toEqual(expected.ids[i])
    expect(flat(true)).toEqual(expected.offsets[i])
    expect(flat(false)).toEqual(expected.bare[i])
  })
})

describe('offsets', () => {
  it('of a long text take time in proportion to it', async () => {
    const tokenizer = await loadTokenizer({ tokenizerJson: tokenizerOf('nfc') })
    const part = 'Größe e\u0301 日本 👍🏽\r\n'
    const length = [...part].length
    const tokens = tokenizer.encodeWithOffsets(part.repeat(10_000))
    expect(tokens.at(-1)!.end).toBe(length * 10_000)
  })

  it('cut a text that is not changed into its parts, whole characters each', async () => {
    for (const name of ['gpt2', 'llama3', 'gemma', 'metaspace']) {
      const tokenizer = await loadTokenizer({ tokenizerJson: tokenizerOf(name) })
      for (const text of all) {
        const tokens = tokenizer.encodeWithOffsets(text, { addSpecialTokens: false })
        let covered = 0
        for (const { start, end } of tokens) {
          expect(start).toBeLessThanOrEqual(covered)
          expect(end).toBeGreaterThan(start)
          covered = Math.max(covered, end)
        }
        expect(covered).toBe([...text].length)
      }
    }
  })
})
