import { expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { argmax, sampler } from '../../src/strategies/choose.js'

const random = createRandom(1)
const row = (...scores: number[]) => Float32Array.from(scores)

test('the best token is the first one of equals', () => {
  expect(argmax(row(1, 3, 2, 3), random)).toBe(1)
  expect(argmax(row(-Infinity, -5, -5), random)).toBe(1)
})

test('no token is chosen where none is possible', () => {
  const impossible = row(-Infinity, Number.NaN)
  expect(() => argmax(impossible, random)).toThrow('No token can follow')
  expect(() => sampler()(impossible, random)).toThrow('No token can follow')
})

test('a sampler draws by the probabilities, of vocabularies of any size in turn', () => {
  const draw = sampler()
  const counts = [0, 0, 0]
  for (let i = 0; i < 30_000; i++) {
    counts[draw(row(Math.log(0.2), Math.log(0.5), Math.log(0.3)), random)]++
    expect(draw(row(-Infinity, 0), random)).toBe(1)
  }
  // Three standard deviations of the most frequent one are 260.
  for (const [token, p] of [0.2, 0.5, 0.3].entries())
    expect(Math.abs(counts[token] - 30_000 * p)).toBeLessThan(260)
})
