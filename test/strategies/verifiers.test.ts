import { describe, expect, test } from 'vitest'
import type { TokenTree } from '../../src/model/token-tree.js'
import { createRandom, sampleIndex } from '../../src/random.js'
import { softmax } from '../../src/strategies/softmax.js'
import type { Random, Verifier } from '../../src/strategies/strategy.js'
import { rejectionSample, typicalAcceptance } from '../../src/strategies/verifiers.js'
import { describeVerifier } from './conformance.js'

describeVerifier('rejectionSample', rejectionSample(), { exact: false })
describeVerifier('typicalAcceptance', typicalAcceptance(), { exact: false })

const VOCAB = 5
const ROUNDS = 60_000

/** Scores after a sequence of tokens: sines, so that every sequence has a distribution of its own. */
function scoresOf(path: readonly number[], salt: number): Float32Array {
  const phase = path.reduce((sum, token) => 7 * sum + token + 1, salt)
  return Float32Array.from({ length: VOCAB }, (_, i) => 2 * Math.sin(phase * (i + 1.3) + salt * i))
}
const targetOf = (path: readonly number[]) => softmax(scoresOf(path, 1))
const draftOf = (path: readonly number[]) => softmax(scoresOf(path, 2))

/** Draws a tree: so many children at each node of a depth. */
type Draw = (random: Random) => TokenTree

/** Children drawn one by one from the draft's distribution, with or without those before. */
function tree(widths: readonly number[], { replace }: { replace: boolean }): Draw {
  return (random) => {
    const drawn: Required<TokenTree> = { tokens: [], parents: [], probs: [] }
    const grow = (parent: number, path: readonly number[], depth: number) => {
      const q = draftOf(path)
      for (let i = 0; i < (widths[depth] ?? 0); i++) {
        const total = q.reduce((sum, value) => sum + value)
        const probs = q.map((value) => value / total)
        const token = sampleIndex(probs, random)
        if (!replace) q[token] = 0
        const node = drawn.tokens.push(token) - 1
        drawn.parents.push(parent)
        drawn.probs.push(probs)
        grow(node, [...path, token], depth + 1)
      }
    }
    grow(-1, [], 0)
    return drawn
  }
}

const fixed: Draw = () => ({ tokens: [2, 3, 3, 1], parents: [-1, 0, -1, 2] })

/** The first two tokens as verification decodes them; the second one by a draw where the first pass gave only one. */
function sample(verify: Verifier, draw: Draw, random: Random): [number, number] {
  const draft = draw(random)
  const pathOf = (node: number): number[] =>
    node < 0 ? [] : [...pathOf(draft.parents[node]), draft.tokens[node]]
  const { path, next } = verify(draft, (node) => scoresOf(pathOf(node), 1), random)
  const tokens = [...path.map((node) => draft.tokens[node]), next]
  return [tokens[0], tokens[1] ?? sampleIndex(targetOf([tokens[0]]), random)]
}

/** χ² of the pairs of tokens against the target's distribution, VOCAB² - 1 degrees of freedom. */
function chiSquare(verify: Verifier, draw: Draw, seed: number): number {
  const random = createRandom(seed)
  const counts = new Float64Array(VOCAB * VOCAB)
  for (let round = 0; round < ROUNDS; round++) {
    const [first, second] = sample(verify, draw, random)
    counts[first * VOCAB + second]++
  }
  return counts.reduce((sum, count, i) => {
    const first = Math.floor(i / VOCAB)
    const expected = ROUNDS * targetOf([])[first] * targetOf([first])[i % VOCAB]
    return sum + (count - expected) ** 2 / expected
  }, 0)
}

/** Exceeded by χ² with 24 degrees of freedom once in ten thousand times. */
const LIMIT = 60.6

const draws: Record<string, Draw> = {
  nothing: () => ({ tokens: [], parents: [] }),
  'a sampled token': tree([1], { replace: true }),
  'a sampled chain': tree([1, 1], { replace: true }),
  'a sampled tree': tree([3, 2], { replace: true }),
  'a sampled tree without replacement': tree([3, 2], { replace: false }),
  'a fixed tree': fixed,
}

describe('rejectionSample draws from the target’s distribution', () => {
  test.each(Object.entries(draws))('with %s', (_, draw) => {
    expect(chiSquare(rejectionSample(), draw, 11)).toBeLessThan(LIMIT)
  })

  test('and accepts Σ min(p, q) of single tokens', () => {
    const [p, q] = [targetOf([]), draftOf([])]
    const rate = p.reduce((sum, value, i) => sum + Math.min(value, q[i]), 0)
    const random = createRandom(3)
    const verify = rejectionSample()
    let accepted = 0
    for (let i = 0; i < ROUNDS; i++) {
      accepted += verify(draws['a sampled token'](random), () => scoresOf([], 1), random).path.length
    }
    expect(Math.abs(accepted / ROUNDS - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / ROUNDS))
  })

  test('which the test would notice if it did not', () => {
    /** Draws from the target itself where it rejects, not from what the draft left of it. */
    const withoutResidual: Verifier = (draft, target, random) => {
      const { path, next } = rejectionSample()(draft, target, random)
      const node = path.at(-1) ?? -1
      const rejected = draft.parents.includes(node)
      return { path, next: rejected ? sampleIndex(softmax(target(node)), random) : next }
    }
    expect(chiSquare(withoutResidual, draws['a sampled token'], 11)).toBeGreaterThan(10 * LIMIT)
    /** Takes what was drawn without replacement for drawn with it. */
    const asReplaced: Draw = (random) => {
      const draft = draws['a sampled tree without replacement'](random)
      return {
        ...draft,
        probs: draft.probs!.map((_, node) => draft.probs![draft.parents.indexOf(draft.parents[node])]),
      }
    }
    expect(chiSquare(rejectionSample(), asReplaced, 11)).toBeGreaterThan(3 * LIMIT)
  })
})

describe('typicalAcceptance', () => {
  const log = (p: readonly number[]) => Float32Array.from(p, Math.log)
  const at = (distributions: Record<number, number[]>) => (node: number) => log(distributions[node])
  const random = () => 0

  test('takes tokens above min(ε, δ exp(-H)), strictly', () => {
    // H = ln 2, δ exp(-H) = 0.15; ε = 0.09.
    const p = { '-1': [0.5, 0.5, 0, 0, 0], 0: [0.2, 0.2, 0.2, 0.2, 0.2] }
    const chain = { tokens: [1, 4], parents: [-1, 0] }
    const verify = typicalAcceptance()
    expect(verify({ tokens: [1], parents: [-1] }, at({ ...p, 0: p[0] }), random).path).toEqual([0])
    // H = ln 5, δ exp(-H) = 0.06: 0.2 is enough.
    expect(verify(chain, at({ ...p, 1: p[0] }), random).path).toEqual([0, 1])
    expect(verify({ tokens: [2], parents: [-1] }, at(p), random).path).toEqual([])
    const strict = typicalAcceptance({ threshold: 0.5, alpha: 10 })
    expect(strict({ tokens: [0], parents: [-1] }, at({ '-1': [0.5, 0.5] }), random).path).toEqual([])
  })

  test('takes the longest path, and of several the most probable one', () => {
    const even = [0.25, 0.25, 0.25, 0.25]
    const likely = [0.1, 0.2, 0.3, 0.4]
    const draft = { tokens: [0, 1, 2, 3, 1], parents: [-1, -1, 0, 1, 1] }
    const target = at({ '-1': even, 0: even, 1: likely, 2: even, 3: even, 4: even })
    expect(typicalAcceptance()(draft, target, random).path).toEqual([1, 3])
  })

  test('draws the next token among those that would do', () => {
    const seen = new Set<number>()
    const next = createRandom(1)
    const p = at({ '-1': [0.05, 0.4, 0.5, 0.05] })
    for (let i = 0; i < 500; i++) seen.add(typicalAcceptance()({ tokens: [], parents: [] }, p, next).next)
    expect([...seen].sort()).toEqual([1, 2])
  })
})
