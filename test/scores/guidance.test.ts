import { describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { BranchingModel } from '../../src/model/branches.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { GuidedModel } from '../../src/scores/guidance.js'
import { repetitionPenalty } from '../../src/scores/processors/repetition.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { largestDifference } from '../fixtures.js'
import { stubModel } from '../generation/stub-model.js'
import { draw } from '../strategies/conformance.js'
import { toyDrafters } from '../strategies/toy-drafters.js'
import { ToyModel } from '../strategies/toy-model.js'

const SCALE = 1.7
const COUNT = 25

function logProbabilities(scores: Float32Array): number[] {
  const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0))
  return Array.from(scores, (score) => score - total)
}

/** By the definition: u + scale (c - u). */
function guidedScores(toy: ToyModel, prompt: number[], negative: number[], text: number[]): number[] {
  const conditional = logProbabilities(toy.logits([...prompt, ...text]))
  const unconditional = logProbabilities(toy.logits([...negative, ...text]))
  return conditional.map((c, i) => unconditional[i] + SCALE * (c - unconditional[i]))
}

/** Decodes under guidance, and checks every score. */
async function decode(prompt: number[], negative: number[], drafter?: Drafter, cached = 0) {
  const toy = new ToyModel()
  const branching = new BranchingModel(toy)
  const conditional = branching.newCache()
  const held = prompt.slice(0, cached)
  if (cached > 0)
    await branching.forward(
      conditional,
      held,
      [...held.keys()].map((i) => i - 1),
      [],
    )
  const before = toy.forwards
  const model = new GuidedModel(branching, prompt.length, negative, SCALE)
  const cache = model.guide(conditional)
  const random = createRandom(3)
  const request = { model, cache, prompt: prefixOf(prompt), processors: [], random, draftRandom: random }
  const text: number[] = []
  let steps = 0
  for await (const { choices } of draftVerify(
    drafter && (() => drafter),
    follow(draw),
  )({ ...request, limit: prompt.length + COUNT })) {
    steps++
    for (const { token, logits, scores } of choices) {
      expect(logits).toEqual(toy.logits([...prompt, ...text]))
      expect(largestDifference(scores, guidedScores(toy, prompt, negative, text))).toBeLessThan(1e-5)
      text.push(token)
    }
    expect(cache.length).toBe(prompt.length + text.length - 1)
  }
  return { text, steps, forwards: toy.forwards - before }
}

describe('guidance', () => {
  const prompt = [3, 1, 4, 1, 5]

  test.each([[[2]], [[2, 7, 1, 8]], [[2, 7, 1, 8, 2, 8, 1, 8]]])('away from %j', async (negative) => {
    const run = await decode(prompt, negative)
    // Both sides run as one pass.
    expect(run).toMatchObject({ steps: COUNT, forwards: COUNT })
    for (const cached of [1, prompt.length - 1]) {
      expect(await decode(prompt, negative, undefined, cached)).toEqual(run)
    }
    expect(await decode([6], negative)).toMatchObject({ steps: COUNT, forwards: COUNT })
  })

  test.each(Object.entries(toyDrafters))('takes drafts: %s', async (name, createDrafter) => {
    const { text } = await decode(prompt, [2, 7])
    const run = await decode(prompt, [2, 7], createDrafter([...prompt, ...text]))
    expect(run.text).toEqual(text)
    expect(run.forwards).toBe(run.steps)
    if (name === 'an oracle') expect(run.steps).toBe(2)
  })

  test('leaves the scores alone that a processor changes', async () => {
    const toy = new ToyModel()
    const model = new GuidedModel(new BranchingModel(toy), prompt.length, [2], SCALE)
    const output = await model.forward(model.newCache(), prompt, [-1, 0, 1, 2, 3], [4])
    const scores = output.scores!(4)
    const expected = guidedScores(toy, prompt, [2], [])
    repetitionPenalty(3)(scores, prefixOf(prompt))
    expect(largestDifference(scores, expected)).toBeGreaterThan(0.1)
    expect(largestDifference(output.scores!(4), expected)).toBeLessThan(1e-5)
    expect(output.logits(4)).toEqual(toy.logits(prompt))
    expect(output.residual!(4)).toEqual(toy.residual(prompt))
  })

  test('keeps both prompts in the cache', async () => {
    const model = new GuidedModel(new BranchingModel(new ToyModel()), prompt.length, [2], SCALE)
    const cache = model.newCache()
    await model.forward(cache, [...prompt, 6], [-1, 0, 1, 2, 3, 4])
    expect(() => cache.keep([0, 1])).toThrow('keeps its prompt')
    expect(() => new GuidedModel(new ToyModel(), 3, [], SCALE)).toThrow('The negative prompt is empty')
  })
})

test('a search that ends all its beams at once keeps no prompt for the next pass', async () => {
  const toy = new ToyModel()
  const settings = { guidance_scale: 1.5, num_beams: 64, max_new_tokens: 4 }
  const { ids } = await generate(stubModel(toy), [3, 1], settings).result()
  expect(ids).toHaveLength(4)
  expect(toy.caches.size).toBe(0)
})
