import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TokenTree } from '../../src/model/token-tree.js'
import { sampleIndex } from '../../src/random.js'
import { choiceTree } from '../../src/strategies/drafters/medusa.js'
import { follow, rejectionSample, typicalAcceptance } from '../../src/strategies/verifiers.js'
import { argmax } from './conformance.js'
import { independentGuesses } from './toy-drafters.js'

interface Buffers {
  readonly choices: number[][]
  /** Rank and head of each node's token, the root first. */
  readonly tree_indices: number[]
  /** Which nodes each node sees, the root first. */
  readonly mask: string[]
  readonly depths: number[]
}

interface MedusaCase {
  readonly choices: string
  readonly temperature: number
  readonly tokens: number[]
  readonly candidates: number[][]
  /** Scores after each node, the root first. */
  readonly scores: number[][]
  readonly accepted: number[]
}

interface SpeculativeCase {
  readonly draft: number[][]
  readonly target: number[][]
  readonly tokens: number[]
  readonly uniform: number[]
  readonly matches: number
  /** What the next token is drawn from. */
  readonly left: number[]
}

interface Golden {
  readonly buffers: Readonly<Record<string, Buffers>>
  readonly medusa: readonly MedusaCase[]
  readonly speculative: readonly SpeculativeCase[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/drafts/golden.json'), 'utf8'),
)

/** The nodes that each node sees, the root first, by the tree's parents. */
function maskOf({ parents }: TokenTree): string[] {
  const rows = [-1, ...parents.keys()].map((node) => {
    const seen = new Set([-1])
    for (let at = node; at >= 0; at = parents[at]) seen.add(at)
    return seen
  })
  return rows.map((seen) => [-1, ...parents.keys()].map((node) => Number(seen.has(node))).join(''))
}

/** Medusa's candidates by tree index: head k's token of rank r is 1 + 10 k + r. */
const indexed = Array.from({ length: 5 }, (_, head) => ({
  tokens: Array.from({ length: 10 }, (_, rank) => 1 + 10 * head + rank),
  logProbabilities: [],
}))

describe('trees of medusa_choices are those of Medusa’s generate_medusa_buffers', () => {
  test.each(Object.entries(golden.buffers))('%s', async (_, { choices, tree_indices, mask, depths }) => {
    const tree = await choiceTree(independentGuesses(indexed), 0, choices)
    expect([0, ...tree.tokens]).toEqual(tree_indices)
    expect(maskOf(tree)).toEqual(mask)
    const depth = (node: number): number => (node < 0 ? 0 : 1 + depth(tree.parents[node]))
    expect([-1, ...tree.parents.keys()].map(depth)).toEqual(depths)
  })
})

describe('what is accepted is what Medusa’s evaluate_posterior accepts', () => {
  test.each(golden.medusa.map((one, i) => [i, one] as const))('case %i', async (_, one) => {
    const candidates = one.candidates.map((tokens) => ({ tokens, logProbabilities: [] }))
    const { choices } = golden.buffers[one.choices]
    const tree = await choiceTree(independentGuesses(candidates), 0, choices)
    expect(tree.tokens).toEqual(one.tokens)
    const { temperature } = one
    const target = (node: number) =>
      Float32Array.from(one.scores[node + 1], (score) => score / (temperature || 1))
    const verify = temperature === 0 ? follow(argmax) : typicalAcceptance()
    const { path } = verify(tree, target, () => 0.5)
    expect(path.map((node) => tree.tokens[node])).toEqual(one.accepted)
  })

  test('and the cases accept from none to four tokens', () => {
    const lengths = golden.medusa.map(({ accepted }) => accepted.length)
    expect([...new Set(lengths)].sort()).toEqual([0, 1, 2, 3, 4])
  })
})

describe('speculative sampling is HF’s _speculative_sampling', () => {
  test.each(golden.speculative.map((one, i) => [i, one] as const))('case %i', (_, one) => {
    const probs = one.draft.map((scores) => {
      const weights = scores.map(Math.exp)
      const total = weights.reduce((sum, value) => sum + value)
      return Float32Array.from(weights, (value) => value / total)
    })
    const tree = { tokens: one.tokens, parents: one.tokens.map((_, i) => i - 1), probs }
    const target = (node: number) => Float32Array.from(one.target[node + 1])
    for (const last of [0.001, 0.25, 0.5, 0.75, 0.999]) {
      // A number for each token up to the first that is rejected, then one for the next token.
      const numbers = [...one.uniform.slice(0, Math.min(one.matches + 1, one.tokens.length)), last]
      const { path, next } = rejectionSample()(tree, target, () => numbers.shift()!)
      expect(numbers).toEqual([])
      expect(path).toEqual(one.tokens.slice(0, one.matches).map((_, i) => i))
      expect(next).toBe(sampleIndex(one.left, () => last))
    }
  })
})
