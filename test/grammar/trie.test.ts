import { describe, expect, test } from 'vitest'
import { hasBit } from '../../src/grammar/bits.js'
import { FreeTextSlices } from '../../src/grammar/slices.js'
import { buildTrie, type TokenTrie } from '../../src/grammar/trie.js'
import { readVocabulary, TOKEN_KIND, type TokenVocabulary } from '../../src/grammar/vocabulary.js'
import { createRandom } from '../../src/random.js'
import { tokenizerOf } from './tokenizers.js'

function vocabularyOf(tokens: readonly (string | readonly number[])[]): TokenVocabulary {
  return readVocabulary({
    vocabSize: tokens.length,
    specialIds: new Set(),
    eosTokenIds: [],
    tokenBytes: (id) => Uint8Array.from(Buffer.from(tokens[id] as string)),
  })
}

/** The bytes of the nodes with tokens, in hexadecimal, and their tokens; nodes in order, as the root's way to them tells. */
function contents({ bytes, depths, tokens, same }: TokenTrie): [string, number[]][] {
  const path: number[] = []
  const found: [string, number[]][] = []
  for (let node = 0; node < bytes.length; node++) {
    path.length = depths[node] - 1
    path.push(bytes[node])
    const ids: number[] = []
    for (let id = tokens[node]; id >= 0; id = same[id]) ids.push(id)
    if (ids.length > 0) found.push([Buffer.from(path).toString('hex'), ids])
  }
  return found
}

/** The same by sorting texts. */
function sorted(vocabulary: TokenVocabulary, ids: Int32Array): [string, number[]][] {
  const groups = new Map<string, number[]>()
  for (const id of ids) {
    const bytes = Buffer.from(vocabulary.bytesOf(id)).toString('hex')
    groups.set(bytes, [...(groups.get(bytes) ?? []), id])
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}

describe('a trie', () => {
  test('holds each token once, in the order of bytes, and those with the same bytes together', async () => {
    const random = createRandom(3)
    // Few different bytes, so that many tokens begin alike; the extreme ones, which a sort must tell from the end of a token.
    const drawn = Array.from({ length: 3_000 }, () =>
      Array.from({ length: 1 + Math.floor(random() * 9) }, () => [0, 1, 97, 255][Math.floor(random() * 4)]),
    )
    const vocabularies = [
      vocabularyOf(drawn),
      vocabularyOf([]),
      // Longer than what can be gone into by recursion.
      vocabularyOf(Array.from({ length: 12 }, (_, i) => 'a'.repeat(60_000 + (i >> 1)))),
      readVocabulary(await tokenizerOf('built-in')),
    ]
    for (const vocabulary of vocabularies) {
      const ids = vocabulary.idsOf(TOKEN_KIND.text)
      expect(contents(buildTrie(vocabulary, ids))).toEqual(sorted(vocabulary, ids))
    }
  })

  test('knows where the subtree of a node ends, and its children', () => {
    const trie = buildTrie(vocabularyOf(['ab', 'abc', 'ad', 'b']), Int32Array.of(0, 1, 2, 3))
    expect(Buffer.from(trie.bytes).toString()).toBe('abcdb')
    expect([...trie.ends]).toEqual([4, 3, 3, 4, 5])
    const child = (node: number, character: string) => trie.child(node, character.charCodeAt(0))
    expect([child(-1, 'a'), child(-1, 'b'), child(-1, 'c')]).toEqual([0, 4, -1])
    expect([child(0, 'b'), child(0, 'd'), child(0, 'c'), child(1, 'c'), child(2, 'a')]).toEqual([
      1, 3, -1, 2, -1,
    ])
    expect(trie.depth).toBe(3)
  })
})

describe('slices of free text', () => {
  const tokens = [
    'a',
    'ab',
    '日本',
    'a"',
    '\\',
    '\n',
    'x\u007f',
    '\u0085',
    ' é😀',
    'abcdefghijk',
    'y'.repeat(40),
  ]
  const broken = [
    [0xe6],
    [0xe6, 0x97],
    [0x97],
    [0x61, 0xc3],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
  ]
  const vocabulary = vocabularyOf([...tokens, ...broken])
  const slices = new FreeTextSlices(vocabulary)
  const bitsOf = (characters: number, isAll: boolean) => {
    const slice = slices.cover(characters, isAll)
    if (!slice) return undefined
    const ids = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => hasBit(slice.bits, id))
    expect(slice.count).toBe(ids.length)
    return {
      ids,
      walked: contents(slice.rest)
        .flatMap(([, each]) => each)
        .sort((a, b) => a - b),
    }
  }
  const all = Array.from({ length: vocabulary.size }, (_, id) => id)
  const free = [0, 1, 2, 8, 9, 10]

  test('are whole characters, no controls, quotation marks and backslashes; all others are walked', () => {
    expect(bitsOf(Infinity, false)).toEqual({ ids: free, walked: all.filter((id) => !free.includes(id)) })
    expect(bitsOf(40, false)).toEqual(bitsOf(Infinity, false))
  })

  test('hold what is short enough, and leave longer tokens to the walk where they may still be allowed', () => {
    const short = free.filter((id) => id !== 9 && id !== 10)
    expect(bitsOf(10, false)).toEqual({ ids: short, walked: all.filter((id) => !short.includes(id)) })
    expect(bitsOf(29, false)).toEqual(bitsOf(10, false))
    expect(bitsOf(30, false)?.ids).toEqual([...short, 9])
    expect(bitsOf(9, false)).toBeUndefined()
  })

  test('refuse longer tokens without a walk where no more text may follow', () => {
    const others = all.filter((id) => !free.includes(id))
    expect(bitsOf(2, true)).toEqual({ ids: [0, 1, 2], walked: others })
    expect(bitsOf(11, true)).toEqual({ ids: [0, 1, 2, 8, 9], walked: others })
    expect(bitsOf(0, true)).toBeUndefined()
  })
})
