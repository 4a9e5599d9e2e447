import { describe, expect, test } from 'vitest'
import type { TokenTree } from '../../src/model/token-tree.js'
import type { Verifier } from '../../src/strategies/strategy.js'
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
