import { describe, expect, test } from 'vitest'
import type { Candidates } from '../../src/model/heads.js'
import { type MedusaSpec, medusaParameters, TOKEN_NORM, tokensName } from '../../src/models/heads/medusa.js'
import { EMBEDDING, headName } from '../../src/models/parameters.js'
import { elements } from '../../src/onnx/shapes.js'
import { createRandom } from '../../src/random.js'
import { createMedusaHeads } from '../../src/runtime/medusa-heads.js'
import { readFixture } from '../train/golden-run.js'
import { testDevices } from './devices.js'

const devices = await testDevices()
const random = createRandom(4)
const noise = (size: number, scale: number) =>
  Float32Array.from({ length: size }, () => scale * (2 * random() - 1))

/** [rows, columns] times a vector. */
function times(matrix: Float32Array, x: Float32Array): Float32Array {
  const rows = matrix.length / x.length
  return Float32Array.from({ length: rows }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * matrix[row * x.length + i], 0),
  )
}

/** Of the fixture's first tokens. */
const everyThird = Array.from({ length: 20 }, (_, i) => 1 + 3 * i)

const silu = (x: number) => x / (1 + Math.exp(-x))

describe.each([
  [{ heads: 3, layers: 1, ownVocabulary: false }],
  [{ heads: 1, layers: 2, ownVocabulary: true }],
  [{ heads: 2, layers: 1, ownVocabulary: false, draftTokens: everyThird }],
  [{ heads: 2, layers: 1, ownVocabulary: true, draftTokens: everyThird }],
  [{ heads: 3, layers: 1, ownVocabulary: false, sequential: true }],
  [{ heads: 3, layers: 2, ownVocabulary: true, sequential: true, draftTokens: everyThird }],
])('Medusa heads %j', (medusa: MedusaSpec) => {
  test.for(devices)(
    'expect what their formula says, to what 8 bits allow, on $device',
    async ({ device, missing }, { skip }) => {
      skip(missing !== undefined, missing)
      const { spec, weights } = await readFixture('llama')
      for (const { name, shape } of medusaParameters(medusa, spec))
        weights.set(name, noise(elements(shape), 0.2))
      const heads = await createMedusaHeads(spec, medusa, weights, { device })
      const hidden = noise(spec.hiddenSize, 1)
      const guesses = await heads.guesses(hidden)
      expect(guesses.heads).toBe(medusa.heads)
      const paths = Array.from({ length: medusa.heads }, (_, head) => [
        Array.from({ length: head + 1 }, (_, i) => 3 + i),
        Array.from({ length: head + 1 }, (_, i) => 40 - i),
      ])
      const candidates: { head: number; path: number[]; guessed: Candidates }[] = []
      for (const [head, both] of paths.entries()) {
        const after = await guesses.after(both)
        for (const [i, path] of both.entries()) candidates.push({ head, path, guessed: after[i] })
      }
      await heads.dispose()
      const embedding = (token: number) => {
        const x = weights.get(EMBEDDING)!.subarray(token * spec.hiddenSize, (token + 1) * spec.hiddenSize)
        const square = x.reduce((sum, value) => sum + value * value, 0) / x.length
        return x.map(
          (value, i) => (value / Math.sqrt(square + spec.normEpsilon)) * weights.get(TOKEN_NORM)![i],
        )
      }
      for (const {
        head,
        path,
        guessed: { tokens, logProbabilities },
      } of candidates) {
        let x = hidden
        for (let layer = 0; layer < medusa.layers; layer++) {
          const bias = weights.get(`${head}.${layer}.linear.bias`)!
          const projected = times(weights.get(`${head}.${layer}.linear.weight`)!, x)
          if (medusa.sequential && layer === 0) {
            const given = Float32Array.from(path.flatMap((token) => [...embedding(token)]))
            const ofTokens = times(weights.get(tokensName(head))!, given)
            for (const [i, value] of ofTokens.entries()) projected[i] += value
          }
          x = x.map((value, i) => value + silu(projected[i] + bias[i]))
        }
        const { draftTokens, ownVocabulary, layers } = medusa
        const ofAll = ownVocabulary ? undefined : times(weights.get(headName(spec))!, x)
        const ofOwn = ofAll ? undefined : times(weights.get(`${head}.${layers}.weight`)!, x)
        const guessed = draftTokens ?? Array.from({ length: spec.vocabSize }, (_, token) => token)
        const logits = ofOwn ?? Float32Array.from(guessed, (token) => ofAll![token])
        const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0))
        expect(tokens).toHaveLength(10)
        const best = [...logits].sort((a, b) => b - a)
        for (const [rank, token] of Array.from(tokens).entries()) {
          const logit = logits[guessed.indexOf(token)]
          expect(Math.abs(logProbabilities[rank] - (logit - total))).toBeLessThan(0.05)
          expect(logit).toBeGreaterThan(best[rank] - 0.05)
        }
      }
    },
  )
})
