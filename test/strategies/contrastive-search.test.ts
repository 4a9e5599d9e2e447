import { describe, expect, test } from 'vitest'
import { prefixOf } from '../../src/model/prefix.js'
import { contrastiveSearch } from '../../src/strategies/contrastive-search.js'
import { softmax } from '../../src/strategies/softmax.js'
import { argmax } from './conformance.js'
import { ToyModel } from './toy-model.js'

async function run(prompt: readonly number[], count: number, penaltyAlpha: number, topK: number, cached = 0) {
  const model = new ToyModel()
  const cache = model.newCache()
  if (cached > 0) {
    await model.forward(
      cache,
      prompt.slice(0, cached),
      prompt.slice(0, cached).map((_, i) => i - 1),
    )
  }
  const ids: number[] = []
  let slots = 0
  const forwards = model.forwards
  const steps = contrastiveSearch({ penaltyAlpha, topK })({
    model,
    cache,
    prompt: prefixOf(prompt),
    processors: [],
    random: Math.random,
    draftRandom: Math.random,
    limit: prompt.length + count,
  })
  for await (const { choices } of steps) {
    for (const { token, logits, hidden } of choices) {
      expect(logits).toEqual(model.logits([...prompt, ...ids]))
      expect(hidden).toEqual(model.hidden([...prompt, ...ids]))
      ids.push(token)
    }
    slots = Math.max(slots, cache.length)
  }
  return { ids, slots, forwards: model.forwards - forwards }
}

const cosine = (a: Float32Array, b: Float32Array) => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

/** By the paper's equation 5, without a cache. */
function byDefinition(prompt: readonly number[], count: number, alpha: number, k: number): number[] {
  const toy = new ToyModel()
  const text = [...prompt]
  for (let n = 0; n < count; n++) {
    const p = softmax(toy.logits(text))
    const best = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, k)
    const before = text.map((_, i) => toy.hidden(text.slice(0, i + 1)))
    const rate = (token: number) => {
      const hidden = toy.hidden([...text, token])
      return (1 - alpha) * p[token] - alpha * Math.max(...before.map((other) => cosine(hidden, other)))
    }
    text.push(best.reduce((a, b) => (rate(b) > rate(a) ? b : a)))
  }
  return text.slice(prompt.length)
}

describe('contrastive search', () => {
  test.each([
    [0.6, 4],
    [0.2, 8],
    [0.9, 2],
    [1, 13],
  ])('is what the paper says: α %d, k %d', async (alpha, k) => {
    for (const prompt of [[3], [3, 1, 4, 1, 5], Array.from({ length: 150 }, (_, i) => (i * i) % 13)]) {
      const { ids, forwards } = await run(prompt, 20, alpha, k)
      expect(ids).toEqual(byDefinition(prompt, 20, alpha, k))
      // One pass a step, and the prompt in pieces.
      expect(forwards).toBe(20 + Math.ceil(prompt.length / 64))
    }
  })

  test('without a penalty is greedy', async () => {
    const text = [3, 1, 4]
    const toy = new ToyModel()
    for (let i = 0; i < 20; i++) text.push(argmax(toy.logits(text), Math.random))
    expect((await run([3, 1, 4], 20, 0, 5)).ids).toEqual(text.slice(3))
  })

  test('reads a prompt that is in the cache already', async () => {
    const prompt = [3, 1, 4, 1, 5]
    expect((await run(prompt, 10, 0.6, 4, 4)).ids).toEqual((await run(prompt, 10, 0.6, 4)).ids)
  })

  test('forgets the candidates that lost', async () => {
    const { slots } = await run([3, 1, 4], 100, 0.6, 8)
    expect(slots).toBeLessThan(103 + 2 * 64)
  })
})
