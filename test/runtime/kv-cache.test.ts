import type * as ort from 'onnxruntime-node'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { createRandom } from '../../src/random.js'
import { buildGraph } from '../../src/runtime/build.js'
import type { TreeCache } from '../../src/runtime/kv-cache.js'
import { OnnxModel } from '../../src/runtime/onnx-model.js'
import { createSession } from '../../src/runtime/session.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath, largestDifference, loadFixture } from '../fixtures.js'

const TOLERANCE = 1e-4
const TREE = { tokens: [5, 9, 14, 200, 31, 7], parents: [-1, 0, 0, 1, 2, 2] }

let model: OnnxModel
let spec: DecoderSpec
beforeAll(async () => {
  ;({ model, spec } = await loadFixture('llama', { dtype: 'fp32', threads: 1 }))
})
afterAll(() => model.dispose())

const chain = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i - 1)
const tokensOf = (length: number) => Array.from({ length }, (_, i) => (i * 37 + 11) % spec.vocabSize)

/** What a token that continues a slot gives, without a trace in the cache. */
async function probe(cache: TreeCache, slot: number, token = 42): Promise<Float32Array> {
  const { length } = cache
  const logits = (await model.forward(cache, [token], [slot])).logits(0).slice()
  cache.keep([...Array(length).keys()])
  return logits
}

describe('keep', () => {
  test.each([
    { slots: [0, 2, 1], fault: 'keep() needs ascending slots below 6, not 0,2,1' },
    { slots: [0, 0], fault: 'keep() needs ascending slots below 6, not 0,0' },
    { slots: [0, 6], fault: 'keep() needs ascending slots below 6, not 0,6' },
    { slots: [-1, 0], fault: 'keep() needs ascending slots below 6, not -1,0' },
    { slots: [0, 1, 3, 5], fault: 'keep() drops slot 2, the parent of 5' },
    { slots: [1], fault: 'keep() drops slot 0, the parent of 1' },
  ])('refuses $slots and leaves the cache as it was', async ({ slots, fault }) => {
    const cache = model.newCache()
    await model.forward(cache, TREE.tokens, TREE.parents)
    const before = await probe(cache, 5)
    expect(() => cache.keep(slots)).toThrow(new RangeError(fault))
    expect(cache.length).toBe(6)
    expect(await probe(cache, 5)).toEqual(before)
  })

  test('of nothing gives an empty cache that can be used again', async () => {
    const cache = model.newCache()
    await model.forward(cache, TREE.tokens, TREE.parents)
    cache.keep([])
    expect(cache.length).toBe(0)
    const again = await model.forward(cache, [8, 3], [-1, 0])
    const fresh = await model.forward(model.newCache(), [8, 3], [-1, 0])
    expect(largestDifference(again.logits(1), fresh.logits(1))).toBe(0)
  })
})

describe('growth', () => {
  test('token by token past the first capacity gives what a cache with room from the start gives', async () => {
    const tokens = tokensOf(540)
    const growing = model.newCache()
    const roomy = model.newCache()
    roomy.reserve(2048)
    const start = 500
    for (const cache of [growing, roomy]) {
      await model.forward(cache, tokens.slice(0, start), chain(start), [])
    }
    expect(growing.byteLength).toBeLessThan(roomy.byteLength)
    for (let i = start; i < tokens.length; i++) {
      const [a, b] = [
        await model.forward(growing, [tokens[i]], [i - 1]),
        await model.forward(roomy, [tokens[i]], [i - 1]),
      ]
      expect(largestDifference(a.logits(0), b.logits(0))).toBeLessThan(TOLERANCE)
    }
  })

  test('keeps a tree that a later run continues on every branch', async () => {
    const prompt = tokensOf(505)
    const parents = [...chain(505), 504, 504, 505, 506, 507, 508]
    const tokens = [...prompt, 20, 21, 22, 23, 24, 25]
    const cache = model.newCache()
    await model.forward(cache, tokens, parents, [])
    const first = 511
    const next = await model.forward(cache, [30, 31, 32], [509, 510, first])
    for (const [node, path] of [
      [0, [20, 22, 24, 30]],
      [1, [21, 23, 25, 31]],
      [2, [20, 22, 24, 30, 32]],
    ] as const) {
      const alone = [...prompt, ...path]
      const reference = await model.forward(model.newCache(), alone, chain(alone.length), [alone.length - 1])
      expect(largestDifference(next.logits(node), reference.logits(alone.length - 1))).toBeLessThan(TOLERANCE)
    }
  })
})

describe('a run that fails', () => {
  type Session = ConstructorParameters<typeof OnnxModel>[0]['session']
  const failing = (message: string, after = 0) => {
    let runs = 0
    const run = async (feeds: Record<string, { dims: readonly number[] }>) => {
      if (runs++ >= after) throw new Error(message)
      const count = feeds.input_ids.dims[0]
      const zeros = { data: new Float32Array(count * spec.vocabSize) }
      return { logits: zeros, hidden: zeros, residual: zeros }
    }
    return new OnnxModel({ session: { run } as unknown as Session, spec, device: 'cpu' })
  }

  test.each([0, 1])('leaves the cache as it was, when its run %i fails', async (after) => {
    const cache = model.newCache()
    await model.forward(cache, TREE.tokens, TREE.parents)
    const tokens = tokensOf(600)
    // As many columns as the run has, by which sums are rounded.
    cache.reserve(tokens.length)
    cache.widen(tokens.length)
    const before = await probe(cache, 4)
    const broken = failing('Non-zero status code\nand a stack', after)
    const run = broken.forward(cache, tokens, chain(600, 6))
    await expect(run).rejects.toThrow(new UserError('ONNX Runtime failed: Non-zero status code'))
    expect(cache.length).toBe(6)
    expect(await probe(cache, 4)).toEqual(before)
  })

  test('as a chain is forgotten by the branches that come next', async () => {
    const cache = model.newCache()
    await model.forward(cache, [5, 9, 14, 3], chain(4))
    await expect(failing('fault').forward(cache, tokensOf(5), chain(5, 4))).rejects.toThrow(UserError)
    const fresh = model.newCache()
    await model.forward(fresh, [5, 9, 14, 3], chain(4))
    for (const [tokens, parents] of [
      [
        [20, 21, 22, 23],
        [3, 3, 4, 5],
      ],
      [
        [30, 31],
        [6, 7],
      ],
    ]) {
      const after = await model.forward(cache, tokens, parents)
      const expected = await model.forward(fresh, tokens, parents)
      for (const node of tokens.keys()) expect(after.logits(node)).toEqual(expected.logits(node))
    }
  })

  test('for lack of memory says what to do', async () => {
    const run = failing('std::bad_alloc').forward(model.newCache(), [1], [-1])
    await expect(run).rejects.toThrow(/^There is not enough memory to run the model: .*--dtype int8 or int4/)
  })

  test.each([
    { tokens: [1, 320], parents: [-1, 0], fault: "Token id 320 is not in the model's vocabulary of 320." },
    { tokens: [1, -1], parents: [-1, 0], fault: "Token id -1 is not in the model's vocabulary of 320." },
    { tokens: [1, 1.5], parents: [-1, 0], fault: "Token id 1.5 is not in the model's vocabulary of 320." },
    { tokens: [1, 2], parents: [-1, 1], fault: 'Token 1 has the parent 1, which is no earlier slot.' },
    { tokens: [1], parents: [-2], fault: 'Token 0 has the parent -2, which is no earlier slot.' },
    { tokens: [1], parents: [], fault: '1 tokens with 0 parents cannot be run.' },
    { tokens: [], parents: [], fault: '0 tokens with 0 parents cannot be run.' },
  ])('before it begins: $fault', async ({ tokens, parents, fault }) => {
    const cache = model.newCache()
    await expect(model.forward(cache, tokens, parents)).rejects.toThrow(fault)
    expect(cache.length).toBe(0)
  })

  test('since a bad token comes late in a long prompt leaves nothing of it', async () => {
    const cache = model.newCache()
    const tokens = [...tokensOf(600), 9999]
    await expect(model.forward(cache, tokens, chain(601))).rejects.toThrow(/Token id 9999/)
    expect(cache.length).toBe(0)
  })

  test('since the cache is not of this kind of model says so', async () => {
    const foreign = { length: 0, keep() {}, dispose() {} }
    await expect(model.forward(foreign, [1], [-1])).rejects.toThrow('another kind of model')
  })
})

describe('dispose', () => {
  test('of a cache frees its rows', async () => {
    const cache = model.newCache()
    await model.forward(cache, TREE.tokens, TREE.parents)
    expect(cache.byteLength).toBeGreaterThan(0)
    cache.dispose()
    expect(cache.length).toBe(0)
    expect(cache.byteLength).toBe(0)
  })

  test('of a model ends it', async () => {
    const { model: own } = await loadFixture('llama', { dtype: 'fp32', threads: 1 })
    await own.dispose()
    await expect(own.forward(own.newCache(), [1], [-1])).rejects.toThrow(UserError)
  })
})

describe('a prompt beside many others', () => {
  /** Columns that attention saw in each run. */
  function watch(subject: OnnxModel): number[] {
    const { session } = subject as unknown as { session: ort.InferenceSession }
    const run = session.run.bind(session)
    const columns: number[] = []
    vi.spyOn(session, 'run').mockImplementation(((feeds: Record<string, ort.Tensor>, fetches: never) => {
      columns.push(feeds.mask.dims[1])
      return run(feeds, fetches)
    }) as never)
    return columns
  }
  afterEach(() => vi.restoreAllMocks())

  /** A graph of the layout for CUDA runs on the CPU's provider as well. */
  async function load(name: string) {
    const inPlace = await loadFixture(name, { dtype: 'fp32', threads: 1 })
    await inPlace.model.dispose()
    const { spec } = inPlace
    const store = await openWeights(fixturePath(name))
    const { graph, directory } = await buildGraph(spec, store, 'fp32', { layout: 'appended' })
    const session = await createSession(graph, directory, { device: 'cpu', threads: 1 })
    await store.close()
    return { model: new OnnxModel({ session, spec, device: 'cuda' }), spec }
  }

  test.each(['llama', 'gemma3'])('sees its own columns, and gives what it gives alone: %s', async (name) => {
    const { model, spec } = await load(name)
    const columns = watch(model)
    const [cache, alone] = [model.newCache(), model.newCache()]
    const random = createRandom(7)
    const tokens = (count: number) =>
      Array.from({ length: count }, () => Math.floor(random() * spec.vocabSize))
    // A chain, and eight sequences that leave it at several places.
    const trunk = tokens(100)
    await model.forward(cache, trunk, chain(100), [])
    for (let row = 0; row < 8; row++) {
      const start = cache.length
      const parents = chain(40, start).with(0, 10 * row)
      await model.forward(cache, tokens(40), parents, [])
    }
    // One more that leaves it in the middle, in two passes, with a tree at its end.
    const first = tokens(90)
    const tree = tokens(2)
    const begin = cache.length
    await model.forward(cache, first, chain(90, begin).with(0, 59), [])
    const output = await model.forward(cache, tree, [begin + 89, begin + 89])
    const rows = tree.map((_, node) => output.logits(node).slice())
    await model.forward(alone, [...trunk.slice(0, 60), ...first], chain(150), [])
    const expected = await model.forward(alone, tree, [149, 149])
    for (const [node, row] of rows.entries()) {
      expect(largestDifference(row, expected.logits(node))).toBeLessThan(TOLERANCE)
    }
    // And one that has nothing in common with them.
    const start = cache.length
    const other = await model.forward(cache, first, chain(90, start).with(0, -1), [89])
    const logits = other.logits(89).slice()
    const fresh = await model.forward(model.newCache(), first, chain(90), [89])
    expect(largestDifference(logits, fresh.logits(89))).toBeLessThan(TOLERANCE)
    const [long, short, , , , unrelated] = columns.slice(9)
    // There is one column where there is nothing to see.
    expect([long, unrelated]).toEqual([150, 91])
    // Two tokens are not worth the copy.
    expect(short).toBeGreaterThan(500)
    await model.dispose()
  })
})
