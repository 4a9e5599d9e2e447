import { expect, test } from 'vitest'
import { nearest } from '../src/nearest.js'

const names = ['temperature', 'top_k', 'max_new_tokens', 'num_beams', 'quit', 'help']

test.each([
  ['temprature', 'temperature'],
  ['temperatur', 'temperature'],
  ['max-new-token', 'max_new_tokens'],
  ['max_tokens', 'max_new_tokens'],
  ['MAX_NEW_TOKENS', 'max_new_tokens'],
  ['top_q', 'top_k'],
  ['quti', 'quit'],
  ['beams', undefined],
  ['foo', undefined],
  ['x', undefined],
  ['', undefined],
  ['transformers_version', undefined],
  ['temperature'.repeat(1000), undefined],
])('%s may mean %s', (name, meant) => {
  expect(nearest(name, names)).toBe(meant)
})

test('there is nothing to mean where there are no names', () => {
  expect(nearest('x', [])).toBeUndefined()
})

test.each([
  ['temprature', 'temperature'],
  ['maxNewTokens', 'max_new_tokens'],
  ['max-new-tokens', 'max_new_tokens'],
  ['topp', 'top_p'],
  ['topic', undefined],
  ['tag', undefined],
  ['', undefined],
  ['x'.repeat(1e6), undefined],
])('of a quarter at most, %s is a slip of %s', (name, meant) => {
  expect(nearest(name, ['temperature', 'max_new_tokens', 'top_p', 'seed'], 0.25)).toBe(meant)
})
