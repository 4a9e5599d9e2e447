import { describe, expect, test } from 'vitest'
import { DelegatingModel, delegate, renumber } from '../../src/model/delegate.js'
import type { Model, Output } from '../../src/model/model.js'
import { RecordedCache } from '../../src/model/recorded-cache.js'

const row = (...values: number[]) => Float32Array.from(values)

/** Every member of an output, each of which tells the node that it was asked for. */
const output: Required<Output> = {
  logits: (node) => row(node, 1),
  hidden: (node) => row(node, 2),
  residual: (node) => row(node, 3),
  tap: (node, layer) => row(node, 7, layer),
  scores: (node, more) => row(node, 4, more as unknown as number),
  exits: (node) => [{ logits: row(node, 5), hidden: row(node, 6) }],
}

describe('renumber', () => {
  test('hands on every member of an output, by the new numbers', () => {
    const moved = renumber(output, (node) => 10 + node)
    for (const name of Object.keys(output) as (keyof Output)[]) {
      const [own, other] = [moved, output].map(
        (each) => each[name] as (node: number, more: unknown) => unknown,
      )
      expect(own(2, 5), name).toEqual(other(12, 5))
    }
  })

  test('gives no member that the output has not', () => {
    const { logits, hidden } = output
    const moved = renumber({ logits, hidden })
    expect([moved.residual, moved.tap, moved.scores, moved.exits]).toEqual(Array(4).fill(undefined))
  })
})

describe('delegate', () => {
  const calls: unknown[][] = []
  const cache = new RecordedCache({ length: 0, keep() {}, dispose() {} })
  const inner: Required<Model> = {
    lacks: { states: 'it has none' },
    exits: [1, 2],
    taps: [0],
    vocabSize: 3,
    hiddenSize: 4,
    maxPositions: 5,
    longContext: 9,
    newCache: (prompt) => {
      calls.push(['newCache', prompt])
      return cache
    },
    forward: async (...pass) => {
      calls.push(pass)
      return output
    },
  }

  test('hands on every member of a model with all its arguments', async () => {
    const model = new DelegatingModel(inner)
    for (const name of [
      'lacks',
      'exits',
      'taps',
      'vocabSize',
      'hiddenSize',
      'maxPositions',
      'longContext',
    ] as const) {
      expect(model[name], name).toBe(inner[name])
    }
    expect(model.newCache([1, 2])).toBe(cache)
    const { signal } = new AbortController()
    const pass = [cache, [7], [-1], [0], { topK: 2, states: ['hidden'], signal }] as const
    expect(await model.forward(...pass)).toBe(output)
    expect(calls).toEqual([['newCache', [1, 2]], [...pass]])
  })

  test('does what is its own itself', () => {
    const other = new RecordedCache({ length: 0, keep() {}, dispose() {} })
    const model = delegate(inner, { newCache: () => other })
    expect(model.newCache()).toBe(other)
    expect(model.vocabSize).toBe(3)
  })
})
