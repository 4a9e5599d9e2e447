import { describe, expect, test } from 'vitest'
import { delegate } from '../../src/model/delegate.js'
import type { ForwardOptions, Model } from '../../src/model/model.js'
import { prefixOf } from '../../src/model/prefix.js'
import type { TokenTree } from '../../src/model/token-tree.js'
import { createRandom } from '../../src/random.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter, Verifier } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import {
  argmax,
  decode,
  describeDrafter,
  describeVerifier,
  differences,
  draw,
  PROMPT,
} from './conformance.js'
import { adversary, oracle, toyDrafters } from './toy-drafters.js'
import { ToyModel } from './toy-model.js'

describeVerifier('follow, greedy', follow(argmax))
describeVerifier('follow, sampling', follow(draw))
for (const name of ['random trees', 'a promise of random trees']) describeDrafter(name, toyDrafters[name])

describe('the number of forward passes', () => {
  const verify = follow(draw)
  const setting = { limit: PROMPT.length + 30, seed: 5 }

  test('is two with an oracle: the prompt, then everything', async () => {
    const { text } = await decode(verify, undefined, setting)
    const run = await decode(verify, oracle(text), setting)
    expect(run).toEqual({ text, steps: 2, drafted: 28, accepted: 28 })
  })

  test('is that of plain decoding with an adversary', async () => {
    const { text, steps } = await decode(verify, undefined, setting)
    expect(steps).toBe(30)
    const run = await decode(verify, adversary(text), setting)
    // Limits of 28, 27, … 1 tokens.
    expect(run).toEqual({ text, steps: 30, drafted: (28 * 29) / 2, accepted: 0 })
  })

  test('is between them with trees, whose right tokens are found', async () => {
    const { text } = await decode(verify, undefined, setting)
    const run = await decode(verify, toyDrafters['random trees'](text), setting)
    expect(run.steps).toBe(30 - run.accepted)
    expect(run.accepted).toBeGreaterThan(5)
    expect(run.accepted).toBeLessThan(28)
  })
})

test('a pass is asked for the scores that the request or the drafter needs, whichever are more, and no others', async () => {
  const asked = async (topK: number | undefined, logits: number | undefined) => {
    const toy = new ToyModel()
    const options: (ForwardOptions | undefined)[] = []
    const forward: Model['forward'] = (...pass) => {
      options.push(pass[4])
      return toy.forward(...pass)
    }
    const told: number[] = []
    const drafter: Drafter = {
      logits,
      draft: () => ({ tokens: [1], parents: [-1] }),
      verified: ({ logits }) => told.push(logits(-1).length),
    }
    const sequence = { model: delegate(toy, { forward }), cache: toy.newCache(), prompt: prefixOf(PROMPT) }
    const [random, draftRandom] = [createRandom(1), createRandom(2)]
    const request = { ...sequence, processors: [], random, draftRandom, limit: PROMPT.length + 3, topK }
    for await (const _ of draftVerify(() => drafter, follow(argmax))(request)) {
    }
    expect(new Set(told)).toEqual(new Set([toy.vocabSize]))
    return [...new Set(options.map((each) => each?.topK))]
  }
  expect(await asked(1, 8)).toEqual([8])
  expect(await asked(50, 8)).toEqual([50])
  expect(await asked(undefined, 8)).toEqual([undefined])
  // One that does not say that it reads scores is told so at once.
  await expect(asked(1, undefined)).rejects.toThrow('says by its logits how many of the best')
})

describe('the suite notices', () => {
  /** The nodes of the path that takes the first child each time. */
  function firstPath({ parents }: TokenTree): number[] {
    const path: number[] = []
    for (let node = parents.indexOf(-1); node >= 0; node = parents.indexOf(node)) path.push(node)
    return path
  }

  test('a verifier that accepts everything', async () => {
    const credulous: Verifier = (draft, target, random) => {
      const path = firstPath(draft)
      return { path, next: draw(target(path.at(-1) ?? -1), random) }
    }
    const found = await differences(credulous, adversary)
    // The shortest two limits leave no room for a draft.
    expect(found.length).toBe(22)
    expect(await differences(credulous, toyDrafters['nothing to propose'])).toEqual([])
  })

  test('a verifier that takes more random numbers where there is a draft', async () => {
    const wasteful: Verifier = (draft, target, random) => {
      if (draft.tokens.length > 0) random()
      return follow(draw)(draft, target, random)
    }
    expect((await differences(wasteful, adversary)).length).toBeGreaterThan(15)
  })

  test('a drafter that goes over its limit, or names parents that do not come before', async () => {
    const setting = { limit: PROMPT.length + 5 }
    const draft = (tree: TokenTree) => decode(follow(argmax), { draft: () => tree }, setting)
    await expect(draft({ tokens: [1, 2, 3, 4], parents: [-1, 0, 1, 2] })).rejects.toThrow(
      'less than or equal',
    )
    await expect(draft({ tokens: [1, 2], parents: [1, -1] })).rejects.toThrow('node 0 has the parent 1')
    await expect(draft({ tokens: [13], parents: [-1] })).rejects.toThrow('token 13')
  })
})
