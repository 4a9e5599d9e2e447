import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { cacheDirectory } from '../../src/cache-directory.js'
import { keptTokens } from '../../src/generation/kept-tokens.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { encodeTokens, TOKENS_VERSION } from '../../src/grammar/tokens-file.js'
import type { TokenTrie } from '../../src/grammar/trie.js'
import { temporaryDirectory } from '../weights/files.js'

/** Bytes, a token of its own, and numbers: free text of one to three of them, and some between quotation marks. */
function source(size: number, own = 'own') {
  const token = (id: number) => {
    if (id < 256) return Uint8Array.of(id)
    if (id === 256) return Buffer.from(own)
    return Buffer.from(id % 7 === 0 ? `","${id}"` : ` ${id}`.repeat(1 + (id % 3)))
  }
  return {
    vocabSize: size,
    specialIds: new Set([3]),
    eosTokenIds: [2],
    tokenBytes: vi.fn(token),
    fingerprint: () => `${size} ${own}`,
  }
}

const SIZE = 2 ** 14
const options = { size: SIZE, ends: [2] }

beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())
})

/** Files of the cache. */
function files(): string[] {
  const directory = cacheDirectory('vocabularies')
  return readdirSync(directory).map((name) => join(directory, name))
}

/** Hashes of all that grammars look at, since arrays of this length take long to compare. */
function contentsOf({ vocabulary, trie, slices, ends, repeating }: GrammarTokens) {
  const covers = [
    [10, false],
    [40, false],
    [1e9, false],
    [3, true],
  ] as const
  const nodesOf = ({ bytes, depths, ends: after, tokens }: TokenTrie) => [bytes, depths, after, tokens]
  const arrays = {
    vocabulary: [vocabulary.kinds, vocabulary.offsets, vocabulary.bytes],
    trie: [...nodesOf(trie), trie.same],
    covers: covers.flatMap(([characters, isAll]) => {
      const { bits, count, rest } = slices.cover(characters, isAll)!
      return [bits, Int32Array.of(count), ...nodesOf(rest)]
    }),
    others: [slices.lengths, ends, repeating],
  }
  return Object.entries(arrays).map(([name, all]) => [name, all.map((array) => digestOf(array))])
}

const digestOf = (array: NodeJS.ArrayBufferView) => createHash('sha256').update(array).digest('hex')

/** Made in an earlier run. */
const keep = (of = source(SIZE)) => keptTokens(of, options)

test('a large vocabulary is made once, and read afterwards: the same one', async () => {
  const made = grammarTokens(source(SIZE), options)
  await keep()
  const again = source(SIZE)
  const read = await keptTokens(again, options)
  expect(again.tokenBytes).not.toHaveBeenCalled()
  expect(contentsOf(read)).toEqual(contentsOf(made))
  expect(made.repeating.length).toBeGreaterThan(0)
})

const damages: readonly [string, (path: string) => void][] = [
  ['empty', (path) => writeFileSync(path, '')],
  ['cut off', (path) => truncateSync(path, 100_000)],
  ['cut off in its digest', (path) => truncateSync(path, 10)],
  ['of other bytes', (path) => writeFileSync(path, changed(readFileSync(path), 50_000))],
  ['longer', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(8)]))],
  ['no such thing', (path) => writeFileSync(path, randomBytes(1000))],
]

function changed(file: Buffer, at: number): Buffer {
  file[at] ^= 1
  return file
}

test.each(damages)('a file that is %s is made anew', async (_, damage) => {
  await keep()
  const [path] = files()
  const whole = readFileSync(path)
  damage(path)
  expect(contentsOf(await keep())).toEqual(contentsOf(grammarTokens(source(SIZE), options)))
  expect(readFileSync(path).equals(whole)).toBe(true)
  expect(files()).toEqual([path])
})

test('a file of another tokenizer is none of this one, whatever its name', async () => {
  await keep(source(SIZE, 'a'))
  const [of] = files()
  await keep(source(SIZE, 'b'))
  const other = files().find((path) => path !== of)!
  copyFileSync(of, other)
  const { vocabulary } = await keep(source(SIZE, 'b'))
  expect(Buffer.from(vocabulary.bytesOf(256)).toString()).toBe('b')
})

test('other ends and another number of logits are other files', async () => {
  await keep()
  await keptTokens(source(SIZE), { ...options, ends: [2, 5] })
  await keptTokens(source(SIZE), { ...options, size: SIZE + 1 })
  expect(files()).toHaveLength(3)
})

test('a cache that cannot be written is no fault', async () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')
  vi.stubEnv('XDG_CACHE_HOME', file)
  expect(contentsOf(await keep())).toEqual(contentsOf(grammarTokens(source(SIZE), options)))
})

test('those that make a vocabulary at the same time keep one file', async () => {
  await Promise.all([keep(), keep(), keep()])
  expect(files()).toHaveLength(1)
  const again = source(SIZE)
  await keep(again)
  expect(again.tokenBytes).not.toHaveBeenCalled()
})

test('small vocabularies, and those of tokenizers without a fingerprint, are not kept', async () => {
  await keptTokens(source(SIZE), { ...options, size: SIZE - 1 })
  await keptTokens({ ...source(SIZE), fingerprint: undefined }, options)
  expect(() => files()).toThrow('ENOENT')
})

test('what is kept is of this version: raise TOKENS_VERSION where it changes', () => {
  const file = encodeTokens(grammarTokens(source(SIZE), options), '')
  expect([TOKENS_VERSION, digestOf(file)]).toEqual([
    1,
    '212d83683dbcaf55d2884feb2dcf81e3e3caa019af6c675080a5129eab4d2a9f',
  ])
})
