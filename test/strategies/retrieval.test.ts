import { describe, expect, test } from 'vitest'
import { prefixOf } from '../../src/model/prefix.js'
import type { TokenTree } from '../../src/model/token-tree.js'
import { createRandom } from '../../src/random.js'
import { promptLookup } from '../../src/strategies/drafters/prompt-lookup.js'
import { type RetrievalOptions, retrieval } from '../../src/strategies/drafters/retrieval.js'
import type { Drafter, Request } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { argmax, decode, describeDrafter, PROMPT } from './conformance.js'
import { indexOf } from './corpora.js'

type Documents = readonly (readonly number[])[]
type Options = Partial<Omit<RetrievalOptions, 'corpus'>>

const request = {} as Request
const last = { hidden: new Float32Array(4) }

/** A drafter that waits for its index. */
function drafterOf(documents: Documents, options: Options = {}): Drafter {
  const index = indexOf(documents)
  return {
    async draft(...args) {
      return retrieval({ numTokens: 8, ...options, corpus: await index })(request).draft(...args)
    },
  }
}

async function draft(documents: Documents, text: readonly number[], options: Options = {}, limit = 100) {
  return drafterOf(documents, options).draft(prefixOf(text), last, limit)
}

const random = createRandom(21)
const noise = Array.from({ length: 500 }, () => Math.floor(random() * 13))

describeDrafter('retrieval from the text', (text) => drafterOf([text]))
describeDrafter('retrieval from the text and others', (text) =>
  drafterOf([noise, text, text.map((token, i) => (i % 5 === 0 ? 0 : token))], { numTokens: 30 }),
)
describeDrafter('retrieval from noise', () => drafterOf([noise], { numTokens: 12, maxNgram: 2 }))
describeDrafter('retrieval from nothing', () => drafterOf([[]]))

/** The paths of a tree, as text, by node. */
function paths({ tokens, parents }: TokenTree): string[] {
  const found: string[] = []
  for (const [node, token] of tokens.entries()) {
    found.push(parents[node] < 0 ? `${token}` : `${found[parents[node]]} ${token}`)
  }
  return found
}

/** How often each continuation follows the longest end of `text` that occurs, by looking everywhere. */
function continuations(
  documents: Documents,
  text: readonly number[],
  eos: number | undefined,
  limit: number,
) {
  const counts = new Map<string, number>()
  for (let size = Math.min(16, text.length); size > 0 && counts.size === 0; size--) {
    const pattern = text.slice(-size)
    for (const document of documents) {
      for (let at = 0; at + size <= document.length; at++) {
        if (!pattern.every((token, i) => document[at + i] === token)) continue
        counts.set('', (counts.get('') ?? 0) + 1)
        for (let end = at + size + 1; end <= Math.min(document.length, at + size + limit); end++) {
          if (document[end - 1] === eos) break
          const path = document.slice(at + size, end).join(' ')
          counts.set(path, (counts.get(path) ?? 0) + 1)
        }
      }
    }
  }
  return counts
}

describe('retrieval', () => {
  const documents = Array.from({ length: 40 }, () =>
    Array.from({ length: 30 }, () => Math.floor(random() ** 2 * 6)),
  )
  // Tokens that do not occur twice, so that the sequence itself has nothing to draft from.
  const texts = [[4], [2, 3], [0, 1], [5, 0, 1, 2], [12, 0], [12, 1], [3, 0]]

  test.each([undefined, 3])(
    'drafts the likeliest paths, each once and best first, nothing beyond %s',
    async (eos) => {
      for (const text of texts) {
        for (const limit of [1, 3, 100]) {
          const counts = continuations(documents, text, eos, limit)
          const eosTokenIds = eos === undefined ? [] : [eos]
          const tree = await draft(documents, text, { numTokens: 25, eosTokenIds }, limit)
          const found = paths(tree)
          expect(new Set(found).size).toBe(found.length)
          expect(tree.tokens).not.toContain(eos)
          const drafted = found.map((path) => counts.get(path) ?? 0)
          const all = [...counts].filter(([path]) => path !== '').map(([, count]) => count)
          expect(drafted).toEqual(all.sort((a, b) => b - a).slice(0, 25))
          expect(Math.max(...found.map((path) => path.split(' ').length))).toBeLessThanOrEqual(limit)
        }
      }
    },
  )

  test('a smaller draft is the beginning of a larger one', async () => {
    for (const text of texts) {
      const { tokens, parents } = await draft(documents, text, { numTokens: 40 })
      for (const numTokens of [1, 2, 7, 20]) {
        const few = await draft(documents, text, { numTokens })
        expect(few).toEqual({ tokens: tokens.slice(0, numTokens), parents: parents.slice(0, numTokens) })
      }
    }
  })

  test('branches where documents differ', async () => {
    const three = [
      [1, 2, 3, 4],
      [1, 2, 3, 5],
      [1, 2, 6, 7],
    ]
    expect(await draft(three, [9, 1, 2])).toEqual({ tokens: [3, 6, 4, 5, 7], parents: [-1, -1, 0, 0, 1] })
    expect(await draft(three, [9, 1, 2], { maxNgram: 1, numTokens: 2 })).toEqual({
      tokens: [3, 6],
      parents: [-1, -1],
    })
  })

  test('goes by the longest end, however rare', async () => {
    const common = Array.from({ length: 50 }, () => [7, 2, 8])
    expect(await draft([...common, [1, 2, 9]], [4, 1, 2])).toMatchObject({ tokens: [9] })
    expect(await draft([...common, [1, 2, 9]], [4, 1, 2], { maxNgram: 1 })).toMatchObject({ tokens: [8, 9] })
  })

  test('does not read on into the next document', async () => {
    const two = [
      [1, 2],
      [3, 4],
    ]
    expect(await draft(two, [1])).toMatchObject({ tokens: [2] })
    expect(await draft(two, [1, 2])).toMatchObject({ tokens: [] })
    expect(await draft(two, [2, 3])).toMatchObject({ tokens: [4] })
  })

  test('goes by the sequence itself where a longer end stood there, as prompt lookup does', async () => {
    const text = [1, 2, 3, 5, 6, 7, 8, 9, 1, 2, 3]
    const elsewhere = [[2, 3, 10, 11]]
    const looked = promptLookup({ numTokens: 3, maxNgram: 16 })(request).draft(prefixOf(text), last, 100)
    expect(await draft(elsewhere, text, { numTokens: 3 })).toEqual(looked)
    expect(looked).toMatchObject({ tokens: [5, 6, 7] })
    expect(await draft(elsewhere, text, { numTokens: 3 }, 2)).toMatchObject({ tokens: [5, 6] })
    expect(await draft(elsewhere, text, { eosTokenIds: [6] })).toMatchObject({ tokens: [5] })
    // An end of the same length, or a longer one, is looked up in the documents.
    expect(await draft([[1, 2, 3, 10, 11]], text)).toMatchObject({ tokens: [10, 11] })
    expect(await draft(elsewhere, text, { maxNgram: 2 })).toMatchObject({ tokens: [10, 11] })
    expect(await draft([[4]], text, { numTokens: 2 })).toMatchObject({ tokens: [5, 6] })
  })

  test('of the text itself has everything accepted', async () => {
    const limit = PROMPT.length + 30
    const { text } = await decode(follow(argmax), undefined, { limit })
    const run = await decode(follow(argmax), drafterOf([text], { numTokens: 5 }), { limit })
    expect(run.text).toEqual(text)
    // The first pass drafts nothing; then 5 tokens and one of the target's a step.
    expect(run).toMatchObject({ steps: 6, accepted: 24, drafted: 24 })
    const other = await decode(follow(argmax), drafterOf([noise], { numTokens: 5 }), { limit })
    expect(other.accepted).toBeLessThan(12)
  })
})
