import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KVCache, Output, StateName } from '../../src/model/model.js'
import { createRandom } from '../../src/random.js'
import type { OnnxModel } from '../../src/runtime/onnx-model.js'
import type { Random } from '../../src/strategies/strategy.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { testDevices } from './devices.js'

const TOLERANCE = 1e-4
const GEMMA_WINDOW = 8

/** What a cache should hold, slot by slot. */
class Shadow {
  tokens: number[] = []
  parents: number[] = []

  /** Slots from the first token to this one. */
  path(slot: number): number[] {
    const slots = []
    for (let at = slot; at >= 0; at = this.parents[at]) slots.push(at)
    return slots.reverse()
  }

  keep(slots: readonly number[]): void {
    const renumbered = new Map(slots.map((slot, target) => [slot, target]))
    this.tokens = slots.map((slot) => this.tokens[slot])
    this.parents = slots.map((slot) => renumbered.get(this.parents[slot]) ?? -1)
  }
}

/**
 * Tokens that continue any of the newest slots of a cache, or begin a sequence of their own; most often the newest
 * slot, so that some paths are long.
 */
function randomTree(random: Random, length: number, count: number, vocabSize: number) {
  const pick = (size: number) => Math.floor(random() * size)
  const tokens = Array.from({ length: count }, () => pick(vocabSize))
  const parents = tokens.map((_, i) => {
    const newest = length + i - 1
    return random() < 0.6 ? newest : newest - pick(Math.min(newest + 2, 30))
  })
  return { tokens, parents }
}

function randomClosedSubset(random: Random, parents: readonly number[]): number[] {
  const kept = new Set<number>([-1])
  const odds = 0.85 + 0.15 * random()
  for (const [slot, parent] of parents.entries()) if (kept.has(parent) && random() < odds) kept.add(slot)
  kept.delete(-1)
  return [...kept]
}

const chain = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i - 1)

/** The largest difference between the nodes' results and those of each of their paths, run alone by `reference`. */
async function differenceFromPaths(
  reference: OnnxModel,
  shadow: Shadow,
  first: number,
  output: Output,
): Promise<number> {
  const inner = new Set(shadow.parents)
  const leaves = shadow.tokens.map((_, slot) => slot).filter((slot) => slot >= first && !inner.has(slot))
  let largest = 0
  for (const leaf of leaves) {
    const path = shadow.path(leaf)
    const cache = reference.newCache()
    const alone = await reference.forward(
      cache,
      path.map((slot) => shadow.tokens[slot]),
      chain(path.length),
    )
    for (const [i, slot] of path.entries()) {
      if (slot < first) continue
      const node = slot - first
      largest = Math.max(
        largest,
        largestDifference(output.logits(node), alone.logits(i)),
        largestDifference(output.hidden(node), alone.hidden(i)),
      )
    }
    cache.dispose()
  }
  return largest
}

const devices = await testDevices()
const cases = devices.flatMap(({ device, missing }) =>
  ['llama', 'qwen3', 'gemma3'].map((fixture) => ({ device, missing, fixture })),
)

for (const { device, missing, fixture } of cases) {
  describe.skipIf(missing)(`${fixture} on ${device}`, { timeout: 180_000 }, () => {
    let model: OnnxModel
    let reference: OnnxModel
    beforeAll(async () => {
      model = (await loadFixture(fixture, { device, dtype: 'fp32', threads: 1 })).model
      reference = (await loadFixture(fixture, { device: 'cpu', dtype: 'fp32', threads: 1 })).model
    })
    afterAll(async () => {
      await model?.dispose()
      await reference?.dispose()
    })

    /** Runs tokens and enters them in the shadow; returns their largest difference from their paths run alone. */
    async function grow(cache: KVCache, shadow: Shadow, tokens: number[], parents: number[]) {
      const first = cache.length
      shadow.tokens.push(...tokens)
      shadow.parents.push(...parents)
      const output = await model.forward(cache, tokens, parents)
      expect(cache.length).toBe(shadow.tokens.length)
      return differenceFromPaths(reference, shadow, first, output)
    }

    test('states are there for tokens that were not asked for, too, before and after the final norm', async () => {
      const tokens = Array.from({ length: 150 }, (_, i) => (7 * i) % model.vocabSize)
      const all = await reference.forward(reference.newCache(), tokens, chain(150))
      const few = await model.forward(model.newCache(), tokens, chain(150), [149])
      for (const node of [0, 1, 127, 128, 149]) {
        expect(largestDifference(few.hidden(node), all.hidden(node))).toBeLessThan(TOLERANCE)
        expect(largestDifference(few.residual(node), all.residual(node))).toBeLessThan(TOLERANCE)
        expect(largestDifference(few.residual(node), few.hidden(node))).toBeGreaterThan(0.1)
      }
      expect(() => few.logits(148)).toThrow('Node 148 was not asked for.')
    })

    test('states that are not wanted are left out, and the others the same', async () => {
      const tokens = Array.from({ length: 150 }, (_, i) => (7 * i) % model.vocabSize)
      const run = (states?: readonly StateName[]) =>
        model.forward(model.newCache(), tokens, chain(150), [149], { states })
      const [all, none, residual] = [await run(), await run([]), await run(['residual'])]
      expect(largestDifference(none.logits(149), all.logits(149))).toBe(0)
      expect(() => none.hidden(149)).toThrow('The pass left out the hidden states')
      expect(() => none.residual(0)).toThrow('The pass left out the residual states')
      for (const node of [0, 128, 149]) {
        expect(largestDifference(residual.residual(node), all.residual(node))).toBe(0)
        expect(() => residual.hidden(node)).toThrow('The pass left out the hidden states')
      }
    })

    test.each([1, 2, 3])('random trees between random prunings, seed %i', async (seed) => {
      const random = createRandom(seed)
      const pick = (size: number) => Math.floor(random() * size)
      const cache = model.newCache()
      const shadow = new Shadow()
      const prompt = Array.from({ length: 2 + pick(20) }, () => pick(model.vocabSize))
      expect(await grow(cache, shadow, prompt, chain(prompt.length))).toBeLessThan(TOLERANCE)
      let deepest = 0
      let dropped = 0
      for (let round = 0; round < 5; round++) {
        const { tokens, parents } = randomTree(random, cache.length, 4 + pick(20), model.vocabSize)
        const difference = await grow(cache, shadow, tokens, parents)
        expect(difference).toBeLessThan(TOLERANCE)
        deepest = Math.max(deepest, ...shadow.tokens.map((_, slot) => shadow.path(slot).length))
        const kept = randomClosedSubset(random, shadow.parents)
        dropped += cache.length - kept.length
        cache.keep(kept)
        shadow.keep(kept)
      }
      expect(deepest).toBeGreaterThan(GEMMA_WINDOW + 4)
      expect(dropped).toBeGreaterThan(10)
      cache.dispose()
    })

    test('a tree of more tokens than one run takes, on a prompt that is longer too', async () => {
      const random = createRandom(7)
      const cache = model.newCache()
      const shadow = new Shadow()
      const prompt = Array.from({ length: 530 }, () => Math.floor(random() * model.vocabSize))
      shadow.tokens.push(...prompt)
      shadow.parents.push(...chain(prompt.length))
      const last = await model.forward(cache, prompt, shadow.parents, [prompt.length - 1])
      const alone = await inPieces(reference, prompt, 100)
      const promptDifference = largestDifference(last.logits(prompt.length - 1), alone)
      const tokens = Array.from({ length: 540 }, () => Math.floor(random() * model.vocabSize))
      // Two branches whose tokens alternate.
      const parents = tokens.map((_, i) => Math.max(prompt.length + i - 2, prompt.length - 1))
      const difference = await grow(cache, shadow, tokens, parents)
      expect(promptDifference).toBeLessThan(TOLERANCE)
      expect(difference).toBeLessThan(TOLERANCE)
      cache.dispose()
    })

    test('a subset of the nodes gives the rows that all of them give', async () => {
      const tokens = [5, 9, 14, 200, 31, 7]
      const parents = [-1, 0, 0, 1, 2, 2]
      const all = await model.forward(model.newCache(), tokens, parents)
      const rows = tokens.map((_, node) => [all.logits(node).slice(), all.hidden(node).slice()])
      const some = await model.forward(model.newCache(), tokens, parents, [4, 1])
      for (const node of [4, 1]) {
        expect(largestDifference(some.logits(node), rows[node][0])).toBeLessThan(1e-5)
        expect(largestDifference(some.hidden(node), rows[node][1])).toBeLessThan(1e-5)
      }
      expect(largestDifference(rows[4][0], rows[1][0])).toBeGreaterThan(1)
      expect(() => some.logits(0)).toThrow('Node 0 was not asked for')
    })

    test('wrong parents are told from right ones', async () => {
      const shadow = new Shadow()
      shadow.tokens = [5, 9, 14, 200, 31, 7, 90, 91]
      shadow.parents = [-1, 0, 1, 1, 3, 2, 4, 4]
      for (const wrong of [chain(8), [-1, 0, 1, 2, 3, 2, 4, 4], [-1, 0, 1, 1, 3, 2, 4, 6]]) {
        const output = await model.forward(model.newCache(), shadow.tokens, wrong)
        expect(await differenceFromPaths(reference, shadow, 0, output)).toBeGreaterThan(1e-2)
      }
      const output = await model.forward(model.newCache(), shadow.tokens, shadow.parents)
      expect(await differenceFromPaths(reference, shadow, 0, output)).toBeLessThan(TOLERANCE)
    })
  })
}

/** The logits after the last of these tokens, run so many at a time. */
async function inPieces(model: OnnxModel, tokens: readonly number[], size: number): Promise<Float32Array> {
  const cache = model.newCache()
  let logits: Float32Array | undefined
  for (let start = 0; start < tokens.length; start += size) {
    const piece = tokens.slice(start, start + size)
    const output = await model.forward(cache, piece, chain(piece.length, start), [piece.length - 1])
    logits = output.logits(piece.length - 1)
  }
  cache.dispose()
  return logits!
}
