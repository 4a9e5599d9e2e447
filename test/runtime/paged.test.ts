import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Branch, KVCache, Pass, StateName } from '../../src/model/model.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { createRandom } from '../../src/random.js'
import type { OnnxModel } from '../../src/runtime/onnx-model.js'
import type { PagedModel } from '../../src/runtime/paged-model.js'
import { largestDifference, loadFixture, loadPaged } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

const TOLERANCE = 1e-4

/** A sequence in pages, and the same one by itself in the model for one sequence. */
interface Pair {
  readonly paged: Branch
  readonly alone: KVCache
}

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

describe.each(['llama', 'qwen3', 'gemma3', 'qwen2_moe'])('%s in pages', (name) => {
  let model: PagedModel
  let reference: OnnxModel
  let spec: DecoderSpec
  beforeAll(async () => {
    ;({ model, spec } = await loadPaged(name, { dtype: 'fp32', threads: 1 }))
    reference = (await loadFixture(name, { dtype: 'fp32', threads: 1 })).model
  })
  afterAll(async () => {
    await model.dispose()
    await reference.dispose()
  })

  const newPair = (): Pair => ({ paged: model.newCache(), alone: reference.newCache() })

  /** Random tokens whose parents are any slots before them, or a chain. */
  function extension(length: number, count: number, random: () => number, isTree: boolean) {
    const below = (limit: number) => Math.floor(random() * limit)
    const tokens = Array.from({ length: count }, () => below(spec.vocabSize))
    const parents = tokens.map((_, i) => (isTree ? below(length + i + 1) - 1 : length + i - 1))
    return { tokens, parents, nodes: tokens.map((_, i) => i) }
  }

  /** Runs extensions of all sequences at once and of each by itself. */
  async function compare(pairs: readonly Pair[], extensions: readonly ReturnType<typeof extension>[]) {
    const passes: Pass[] = pairs.map(({ paged }, i) => ({ cache: paged, ...extensions[i] }))
    const outputs = await model.forwardAll(passes)
    let worst = 0
    for (const [i, { alone }] of pairs.entries()) {
      const { tokens, parents, nodes } = extensions[i]
      const expected = await reference.forward(alone, tokens, parents)
      for (const node of nodes) {
        const differences = [
          largestDifference(outputs[i].logits(node), expected.logits(node)),
          largestDifference(outputs[i].hidden(node), expected.hidden(node)),
          largestDifference(outputs[i].residual!(node), expected.residual(node)),
        ]
        worst = Math.max(worst, ...differences)
      }
    }
    return worst
  }

  test('states come back where a pass of the run wants them', async () => {
    const run = (states: readonly (readonly StateName[] | undefined)[]) =>
      model.forwardAll(
        states.map((each, i) => {
          const options = each && { states: each }
          return { cache: model.newCache(), tokens: [3 + i, 5], parents: [-1, 0], nodes: [1], options }
        }),
      )
    const all = await run([undefined, undefined])
    const none = await run([[], []])
    const mixed = await run([[], ['residual']])
    for (const i of [0, 1]) {
      expect(largestDifference(none[i].logits(1), all[i].logits(1))).toBe(0)
      expect(() => none[i].hidden(1)).toThrow('The pass left out the hidden states')
    }
    expect(largestDifference(mixed[1].residual!(0), all[1].residual!(0))).toBe(0)
    expect(() => mixed[1].hidden(0)).toThrow('The pass left out the hidden states')
  })

  test('many sequences at once give what each gives by itself', async () => {
    const random = createRandom(11)
    const below = (limit: number) => Math.floor(random() * limit)
    let pairs = Array.from({ length: 5 }, newPair)
    for (let round = 0; round < 25; round++) {
      // Prompts of several pages and single tokens, chains and trees, in one pass.
      const extensions = pairs.map(({ paged }) => {
        const count = paged.length === 0 || below(6) === 0 ? 1 + below(150) : 1 + below(4)
        return extension(paged.length, count, random, below(3) === 0)
      })
      expect(await compare(pairs, extensions)).toBeLessThan(TOLERANCE)
      // Some lose what is no ancestor of their last token; one ends, and another one comes.
      for (const pair of pairs.filter(() => below(3) === 0)) {
        const kept = [...Array(Math.ceil(pair.paged.length * 0.7)).keys()]
        pair.paged.keep(kept)
        pair.alone.keep(kept)
      }
      if (below(2) === 0) {
        const [ended] = pairs.splice(below(pairs.length), 1)
        ended.paged.dispose()
        ended.alone.dispose()
        pairs = [...pairs, newPair()]
      }
    }
  })

  test('a fork goes on by itself', async () => {
    const random = createRandom(12)
    const pair = newPair()
    expect(await compare([pair], [extension(0, 100, random, false)])).toBeLessThan(TOLERANCE)
    const fork = { paged: pair.paged.fork(), alone: reference.newCache() }
    const again = createRandom(12)
    const { tokens, parents } = extension(0, 100, again, false)
    await reference.forward(fork.alone, tokens, parents, [])
    for (let round = 0; round < 3; round++) {
      const both = [pair, fork]
      const extensions = both.map(({ paged }, i) => extension(paged.length, 1 + 40 * i, random, false))
      expect(await compare(both, extensions)).toBeLessThan(TOLERANCE)
    }
  })
})

describe('pages', () => {
  test('of what has ended are used again', async () => {
    const { model } = await loadPaged('llama', { dtype: 'fp32', threads: 1 })
    const { pool } = model as unknown as { pool: { byteLength: number } }
    const before = pool.byteLength
    for (let round = 0; round < 20; round++) {
      const cache = model.newCache()
      const tokens = Array.from({ length: 400 }, (_, i) => i % 100)
      await model.forward(
        cache,
        tokens,
        [...tokens.keys()].map((i) => i - 1),
        [399],
      )
      expect(cache.length).toBe(400)
      cache.dispose()
    }
    expect(pool.byteLength).toBe(before)
    await model.dispose()
  })

  test('give early exits', async () => {
    const options = { dtype: 'fp32', threads: 1, exits: [0, 1] } as const
    const [{ model }, { model: reference }] = [
      await loadPaged('llama', options),
      await loadFixture('llama', options),
    ]
    const [tokens, parents] = [
      [5, 9, 14],
      [-1, 0, 1],
    ]
    const passes = [[2], [0, 1]].map((nodes) => ({ cache: model.newCache(), tokens, parents, nodes }))
    const outputs = await model.forwardAll(passes)
    const expected = await reference.forward(reference.newCache(), tokens, parents)
    for (const [i, { nodes }] of passes.entries()) {
      for (const node of nodes) {
        const [own, other] = [outputs[i].exits!(node), expected.exits(node)]
        expect(own).toHaveLength(2)
        for (const [j, exit] of own.entries()) {
          expect(largestDifference(exit.logits, other[j].logits)).toBeLessThan(TOLERANCE)
          expect(largestDifference(exit.hidden, other[j].hidden)).toBeLessThan(TOLERANCE)
        }
      }
    }
    await Promise.all([model.dispose(), reference.dispose()])
  })

  test('that there is no memory for are told in one sentence', async () => {
    const { model } = await loadPaged('llama', { dtype: 'fp32', threads: 1 })
    const cache = model.newCache()
    const pool = (model as unknown as { pool: { newTensors(): Float32Array[] } }).pool
    const failing = vi.spyOn(pool, 'newTensors').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed')
    })
    const tokens = Array.from({ length: 2100 }, () => 1)
    const parents = tokens.map((_, i) => i - 1)
    await expect(model.forward(cache, tokens, parents, [])).rejects.toThrow('for a cache of 4096 tokens')
    expect(cache.length).toBe(0)
    failing.mockRestore()
    await model.forward(cache, tokens, parents, [])
    expect(cache.length).toBe(2100)
    await model.dispose()
  })

  test('of a pass that is refused stay as they were', async () => {
    const { model, spec } = await loadPaged('llama', { dtype: 'fp32', threads: 1 })
    const [first, second] = [model.newCache(), model.newCache()]
    const pass = (cache: KVCache, token: number, parent = -1): Pass => ({
      cache,
      tokens: [token],
      parents: [parent],
      nodes: [0],
    })
    await expect(model.forwardAll([pass(first, 1), pass(second, spec.vocabSize)])).rejects.toThrow(
      `Token id ${spec.vocabSize} is not in the model's vocabulary`,
    )
    await expect(model.forwardAll([pass(first, 1), pass(first, 2)])).rejects.toThrow(
      'Two passes of one cache',
    )
    await expect(model.forwardAll([pass(first, 1), pass(second, 1, 3)])).rejects.toThrow('no earlier slot')
    expect([first.length, second.length]).toEqual([0, 0])
    await model.dispose()
  })
})
