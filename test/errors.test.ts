import { expect, test } from 'vitest'
import { usageError } from '../src/errors.js'

test('a sentence that quotes a long value keeps its beginning and its end', () => {
  const { message } = usageError(`top_k in the flags cannot be "${'x'.repeat(1e6)}": give a whole number.`)
  expect(message.length).toBeLessThan(1500)
  expect(message).toMatch(/^top_k in the flags cannot be "x+ … x+": give a whole number\.$/)
})

test('other sentences are as they are', () => {
  expect(usageError('y'.repeat(1500)).message).toBe('y'.repeat(1500))
})
