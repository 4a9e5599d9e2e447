import { describe, expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { BranchingModel } from '../../src/model/branches.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { type AmateurContrast, AmateurModel, contrastAmateur } from '../../src/scores/amateur.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { largestDifference } from '../fixtures.js'
import { stubModel } from '../generation/stub-model.js'
import { draw } from '../strategies/conformance.js'
import { toyDrafters } from '../strategies/toy-drafters.js'
import { ToyModel } from '../strategies/toy-model.js'

/** Says other things than the toy model does. */
class ToyAmateur extends ToyModel {
  override logits(path: readonly number[]): Float32Array {
    return super.logits([9, 9, ...path])
  }
}

const COUNT = 25
const prompt = [3, 1, 4, 1, 5]

const logProbabilities = (scores: Float32Array): number[] => {
  const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0))
  return Array.from(scores, (score) => score - total)
}

/** By the definition of Li et al. (2023), eq. 2 and 3; with a beta by that of O'Brien and Lewis (2023). */
function contrasted(path: number[], { alpha, beta }: AmateurContrast): number[] {
  const expert = logProbabilities(new ToyModel().logits(path))
  const amateur = logProbabilities(new ToyAmateur().logits(path))
  const best = Math.max(...expert.map(Math.exp))
  return expert.map((p, token) => {
    if (Math.exp(p) < alpha * best) return -Infinity
    return beta === undefined ? p - amateur[token] : (1 + beta) * p - beta * amateur[token]
  })
}

/** Decodes beside an amateur, and checks every score. */
async function decode(contrast: AmateurContrast, drafter?: Drafter) {
  const [toy, weak] = [new ToyModel(), new ToyAmateur()]
  const model = new AmateurModel(new BranchingModel(toy), new BranchingModel(weak), contrast)
  const cache = model.newCache()
  const random = createRandom(3)
  const request = { model, cache, prompt: prefixOf(prompt), processors: [], random, draftRandom: random }
  const text: number[] = []
  let steps = 0
  const strategy = draftVerify(drafter && (() => drafter), follow(draw))
  for await (const { choices } of strategy({ ...request, limit: prompt.length + COUNT })) {
    steps++
    for (const { token, logits, scores } of choices) {
      expect(logits).toEqual(toy.logits([...prompt, ...text]))
      const expected = contrasted([...prompt, ...text], contrast)
      for (const [i, score] of expected.entries()) {
        if (score === -Infinity) expect(scores[i]).toBe(-Infinity)
        else expect(scores[i]).toBeCloseTo(score, 4)
      }
      text.push(token)
    }
  }
  expect([toy.forwards, weak.forwards]).toEqual([steps, steps])
  return { text, steps }
}

describe('an amateur', () => {
  test.each([
    [{ alpha: 0.1 }],
    [{ alpha: 0 }],
    [{ alpha: 1 }],
    [{ alpha: 0.1, beta: 0.5 }],
    [{ alpha: 0.3, beta: 0 }],
  ])('counts by the definition: %o', async (contrast) => {
    expect(await decode(contrast)).toMatchObject({ steps: COUNT })
  })

  test.each(Object.entries(toyDrafters))('takes drafts: %s', async (_, createDrafter) => {
    const { text } = await decode({ alpha: 0.1 })
    const run = await decode({ alpha: 0.1 }, createDrafter([...prompt, ...text]))
    expect(run.text).toEqual(text)
  })

  test('leaves the scores alone that a processor changes, and beta 0 the probabilities', () => {
    const [own, other] = [new ToyModel().logits(prompt), new ToyAmateur().logits(prompt)]
    const baseline = Float32Array.from(logProbabilities(other))
    const scores = contrastAmateur(own.slice(), baseline, { alpha: 0, beta: 0 })
    expect(largestDifference(scores, logProbabilities(own))).toBeLessThan(1e-6)
    expect(largestDifference(baseline, logProbabilities(other))).toBeLessThan(1e-6)
  })
})

describe('generate beside an amateur', () => {
  const PROMPT = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]
  const run = async (settings: Record<string, unknown>, options: GenerateOptions = {}) => {
    const [toy, weak] = [new ToyModel(), new ToyAmateur()]
    const amateur = { path: 'the amateur', ...stubModel(weak) }
    const common = { seed: 4, max_new_tokens: 24 }
    const generation = generate(stubModel(toy), PROMPT, { ...common, ...settings }, { amateur, ...options })
    const { sequences } = await generation.result()
    expect([toy.caches.size, weak.caches.size]).toEqual([0, 0])
    return sequences.map(({ ids }) => ids)
  }

  test('greedy decoding takes the best of the contrast', async () => {
    const [ids] = await run({})
    const expected: number[] = []
    while (expected.length < 24) {
      const scores = contrasted([...PROMPT, ...expected], { alpha: 0.1 })
      expected.push(scores.indexOf(Math.max(...scores)))
    }
    expect(ids).toEqual(expected)
    expect((await run({}, { amateur: undefined }))[0]).not.toEqual(ids)
    expect((await run({ amateur_alpha: 0.9 }))[0]).not.toEqual(ids)
    expect((await run({ amateur_beta: 0.1 }))[0]).not.toEqual(ids)
  })

  test.each([
    [{}],
    [{ do_sample: true }],
    [{ do_sample: true, num_return_sequences: 3 }],
    [{ do_sample: true, mirostat: 2, mirostat_tau: 2 }],
    [{ dry_multiplier: 2, dry_sequence_breakers: [], amateur_beta: 0.5 }],
  ])('drafts change no text: %o', async (settings) => {
    const plain = await run(settings)
    expect(await run({ ...settings, prompt_lookup_num_tokens: 4 })).toEqual(plain)
    const assistant = { path: 'the draft', ...stubModel(new ToyModel()), treeNodes: 9 }
    expect(await run({ ...settings, num_assistant_tokens: 4 }, { assistant })).toEqual(plain)
  })

  test('beams are scored by it', async () => {
    const settings = { num_beams: 3, num_return_sequences: 2 }
    expect(await run(settings)).not.toEqual(await run(settings, { amateur: undefined }))
  })

  test('the same in an engine, where caches go on from earlier prompts', async () => {
    const [toy, weak] = [new ToyModel(), new ToyAmateur()]
    const amateur = { path: 'the amateur', ...stubModel(weak) }
    const engine = new Engine(stubModel(toy), { maxBatch: 4 })
    const long = [...PROMPT, ...PROMPT, ...PROMPT]
    const settings = { seed: 4, max_new_tokens: 24, do_sample: true }
    const requests: [number[], Record<string, unknown>, GenerateOptions][] = [
      [PROMPT, settings, { amateur }],
      [long, settings, {}],
      [long, settings, { amateur }],
      [[...long, 3], settings, { amateur }],
      [long, { ...settings, prompt_lookup_num_tokens: 4 }, { amateur }],
      [long, { ...settings, do_sample: false, num_beams: 2 }, { amateur }],
      [PROMPT, { ...settings, num_return_sequences: 2 }, { amateur }],
    ]
    try {
      for (let round = 0; round < 2; round++) {
        const results = await Promise.all(
          requests.map(([prompt, own, options]) =>
            engine.submit({ prompt, settings: own, options }).result(),
          ),
        )
        for (const [i, [prompt, own, options]] of requests.entries()) {
          const alone = generate(stubModel(new ToyModel()), prompt, own, {
            ...(options.amateur && { amateur: { path: 'the amateur', ...stubModel(new ToyAmateur()) } }),
          })
          const ids = (await alone.result()).sequences.map((sequence) => sequence.ids)
          expect(results[i].sequences.map((sequence) => sequence.ids)).toEqual(ids)
        }
      }
    } finally {
      await engine.close()
    }
    expect([toy.caches.size, weak.caches.size]).toEqual([0, 0])
  })

  test('a context ends where the amateur’s does', async () => {
    const amateur = { path: 'the amateur', ...stubModel(new ToyAmateur({ maxPositions: 15 })) }
    expect((await run({}, { amateur }))[0]).toHaveLength(5)
  })

  class LargerToy extends ToyAmateur {
    override readonly vocabSize = 14 as 13
  }

  test.each([
    [{ guidance_scale: 1.5 }, 'guidance_scale is 1.5 beside an amateur model, but both replace the scores'],
    [{ dola_layers: 'low' }, 'dola_layers is "low" beside an amateur model'],
    [{ penalty_alpha: 0.6, top_k: 4 }, 'penalty_alpha is 0.6 beside an amateur model'],
    [{ amateur_alpha: 2 }, 'give 1 or less'],
    [{ amateur_beta: -1 }, 'give 0 or more'],
  ])('%o is refused', async (settings, message) => {
    await expect(run(settings)).rejects.toThrow(message)
  })

  test('other tokens are refused, and settings without an amateur', async () => {
    const amateur = { path: 'the amateur', ...stubModel(new LargerToy()) }
    await expect(run({}, { amateur })).rejects.toThrow(
      'the amateur is no amateur for the model, since one has 14 tokens and the other 13',
    )
    for (const settings of [{ amateur_alpha: 0.2 }, { amateur_beta: 0.5 }]) {
      await expect(run(settings, { amateur: undefined })).rejects.toThrow(
        /amateur_(alpha|beta) in the settings has no effect without an amateur model: give one, or leave it out/,
      )
    }
  })
})
