import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { BranchingModel } from '../../src/model/branches.js'
import type { Branch, KVCache, Model } from '../../src/model/model.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { draw, PROMPT } from '../strategies/conformance.js'
import { toyDrafters } from '../strategies/toy-drafters.js'
import { ToyModel } from '../strategies/toy-model.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const chain = (tokens: readonly number[], start = 0) => tokens.map((_, i) => start + i - 1)

interface Sequence {
  model: Model
  cache: KVCache
  seed: number
  /** Tokens to generate. */
  count: number
  prompt?: number[]
  drafter?: Drafter
}

async function decode({ model, cache, seed, count, prompt = PROMPT, drafter }: Sequence) {
  const random = createRandom(seed)
  const request = { model, cache, prompt: prefixOf(prompt), processors: [], random, draftRandom: random }
  const text = [...prompt]
  const logits: Float32Array[] = []
  const steps = draftVerify(
    drafter && (() => drafter),
    follow(draw),
  )({ ...request, limit: prompt.length + count })
  for await (const { choices } of steps) {
    for (const choice of choices) {
      text.push(choice.token)
      logits.push(choice.logits.slice())
    }
  }
  return { text, logits }
}

/** A branch that holds all of the prompt but its last token. */
async function prefilled(branching: BranchingModel, prompt = PROMPT): Promise<Branch> {
  const root = branching.newCache()
  const shared = prompt.slice(0, -1)
  await branching.forward(root, shared, chain(shared), [])
  return root
}

describe('sequences decoded together', () => {
  const counts = [20, 5, 31, 1, 12]

  test.each(['without drafts', 'random trees', 'a promise of random trees'])(
    'are those decoded alone, %s',
    async (drafterName) => {
      const drafter = (text: number[]) => toyDrafters[drafterName]?.(text)
      const alone = await Promise.all(
        counts.map((count, seed) => {
          const model = new ToyModel()
          return decode({ model, cache: model.newCache(), seed, count })
        }),
      )
      const toy = new ToyModel()
      const branching = new BranchingModel(toy)
      const root = await prefilled(branching)
      const together = await Promise.all(
        counts.map((count, seed) => {
          const cache = root.fork()
          return decode({ model: branching, cache, seed, count, drafter: drafter(alone[seed].text) })
        }),
      )
      expect(together).toEqual(alone)
      expect(new Set(together.map(({ text }) => text.slice(PROMPT.length, 9).join())).size).toBeGreaterThan(1)
    },
  )

  test('run as one forward pass a round, and the prompt once', async () => {
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const root = await prefilled(branching)
    expect([toy.forwards, toy.tokensRun]).toEqual([1, PROMPT.length - 1])
    await Promise.all(
      counts.map((count, seed) => decode({ model: branching, cache: root.fork(), seed, count })),
    )
    expect(toy.forwards).toBe(1 + Math.max(...counts))
    // Each step runs the token that the one before chose; the first, the prompt's last.
    expect(toy.tokensRun).toBe(PROMPT.length - 1 + counts.reduce((sum, count) => sum + count))
  })

  test('wait for a pass that is under way, and then run together', async () => {
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const branches = [7, 8, 9].map((token) => ({ token, branch: branching.newCache() }))
    const run = async ({ token, branch }: (typeof branches)[number]) => {
      const output = await branching.forward(branch, [token], [-1])
      expect(output.logits(0)).toEqual(toy.logits([token]))
    }
    const first = run(branches[0])
    while (toy.forwards === 0) await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([first, run(branches[1]), run(branches[2])])
    expect(toy.forwards).toBe(2)
  })

  test('may begin from nothing, each with a prompt of its own', async () => {
    const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const results = await Promise.all(
      prompts.map((prompt, seed) =>
        decode({ model: branching, cache: branching.newCache(), seed, count: 6, prompt }),
      ),
    )
    expect(toy.forwards).toBe(6)
    for (const { text, logits } of results) {
      const start = text.length - 6
      expect(logits).toEqual(logits.map((_, i) => toy.logits(text.slice(0, start + i))))
    }
  })
})

describe('the shared tree', () => {
  /** A branch, and the tokens and parents of its slots. */
  interface Twin {
    branch: Branch
    tokens: number[]
    parents: number[]
  }

  const path = (twin: Twin, slot: number): number[] =>
    slot < 0 ? [] : [...path(twin, twin.parents[slot]), twin.tokens[slot]]

  async function grow(branching: BranchingModel, toy: ToyModel, twin: Twin, random: () => number) {
    const { branch, tokens, parents } = twin
    const first = branch.length
    const count = 1 + Math.floor(random() * 4)
    const newTokens = Array.from({ length: count }, () => Math.floor(random() * toy.vocabSize))
    // Mostly near the end, so that trees grow deep.
    const newParents = newTokens.map((_, i) => Math.max(-1, first + i - 1 - Math.floor(random() ** 4 * 5)))
    const output = await branching.forward(branch, newTokens, newParents)
    tokens.push(...newTokens)
    parents.push(...newParents)
    expect(branch.length).toBe(tokens.length)
    for (let node = 0; node < count; node++) {
      const tokens = path(twin, first + node)
      expect(String(output.logits(node))).toBe(String(toy.logits(tokens)))
      expect(String(output.hidden(node))).toBe(String(toy.hidden(tokens)))
      expect(String(output.residual!(node))).toBe(String(toy.residual(tokens)))
    }
  }

  /** Keeps a random node's path, as accepting a draft does. */
  function prune(twin: Twin, random: () => number): void {
    const kept: number[] = []
    const last = twin.tokens.length - 1 - Math.floor(random() * 3)
    for (let slot = last; slot >= 0; slot = twin.parents[slot]) kept.unshift(slot)
    twin.branch.keep(kept)
    twin.tokens = kept.map((slot) => twin.tokens[slot])
    twin.parents = chain(kept)
  }

  test.each([1, 2, 3])('gives every node the scores of its path: random growth %i', async (seed) => {
    const random = createRandom(seed)
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const twins: Twin[] = [{ branch: branching.newCache(), tokens: [], parents: [] }]
    let longest = 0
    for (let round = 0; round < 250; round++) {
      await Promise.all(twins.filter(() => random() < 0.8).map((twin) => grow(branching, toy, twin, random)))
      for (const twin of twins) if (random() < 0.5) prune(twin, random)
      const parent = twins[Math.floor(random() * twins.length)]
      twins.push({ branch: parent.branch.fork(), tokens: [...parent.tokens], parents: [...parent.parents] })
      if (twins.length > 4)
        for (const { branch } of twins.splice(Math.floor(random() * 2), 2)) branch.dispose()
      longest = Math.max(longest, ...[...toy.caches].map(({ length }) => length))
    }
    expect(toy.tokensRun).toBeGreaterThan(1700)
    // Dead slots go: some 200 are alive at the end.
    expect(longest).toBeLessThan(600)
  })

  test('forgets branches that are disposed of', async () => {
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const root = await prefilled(branching)
    let longest = 0
    for (let round = 0; round < 100; round++) {
      const branch = root.fork()
      await decode({ model: branching, cache: branch, seed: round, count: 10 })
      branch.dispose()
      longest = Math.max(longest, ...[...toy.caches].map(({ length }) => length))
    }
    expect(toy.tokensRun).toBe(PROMPT.length - 1 + 1000)
    expect(longest).toBeLessThan(300)
    branching.dispose()
    expect(toy.caches.size).toBe(0)
  })

  test('survives a pass that fails, which every sequence of it is told', async () => {
    const toy = new ToyModel()
    const branching = new BranchingModel(toy)
    const root = await prefilled(branching)
    const [good, bad] = [root.fork(), root.fork()]
    const slot = PROMPT.length - 2
    const results = await Promise.allSettled([
      branching.forward(good, [5], [slot]),
      branching.forward(bad, [99], [slot]),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(results).toMatchObject([{}, { reason: { message: 'Token 99 is not in the vocabulary.' } }])
    expect([good.length, bad.length]).toEqual([slot + 1, slot + 1])
    const output = await branching.forward(good, [5], [slot])
    expect(output.logits(0)).toEqual(toy.logits([...PROMPT.slice(0, -1), 5]))
  })

  test('refuses a cache that is none of its branches', () => {
    const toy = new ToyModel()
    expect(() => new BranchingModel(toy).forward(toy.newCache(), [1], [-1])).toThrow('another kind of model')
  })
})

describe('on ONNX Runtime', () => {
  let model: Awaited<ReturnType<typeof loadFixture>>['model']
  beforeAll(async () => {
    model = (await loadFixture('llama', { dtype: 'fp32' })).model
  })
  afterAll(() => model?.dispose())

  test('sequences decoded together are those decoded alone', async () => {
    const prompt = [5, 80, 211, 7, 150, 33]
    const alone: Awaited<ReturnType<typeof decode>>[] = []
    for (let seed = 0; seed < 4; seed++) {
      alone.push(await decode({ model, cache: model.newCache(), seed, count: 12, prompt }))
    }
    const branching = new BranchingModel(model)
    const root = await prefilled(branching, prompt)
    const together = await Promise.all(
      alone.map((_, seed) => decode({ model: branching, cache: root.fork(), seed, count: 12, prompt })),
    )
    expect(new Set(alone.map(({ text }) => text.join())).size).toBe(4)
    for (const [i, { text, logits }] of together.entries()) {
      expect(text).toEqual(alone[i].text)
      const difference = Math.max(...logits.map((row, step) => largestDifference(row, alone[i].logits[step])))
      expect(difference).toBeLessThan(1e-4)
    }
    branching.dispose()
  })
})
