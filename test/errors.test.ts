import { expect, test } from 'vitest'
import { usageError } from '../src/errors.js'

test('a sentence that quotes a long value keeps its beginning and its end', () => {
  const { message } = usageError(`top_k in the flags cannot be "${'x'.repeat(1e6)}": give a whole number.`)
  expect(message.length).toBeLessThan(1500)
  expect(message).toMatch(/^top_k in the flags cannot be "x+ … x+": give a whole number\.$/)
})

test('control characters of what a sentence quotes are escapes in it', () => {
  expect(usageError('The name \u001b[2J\u0000 is not known.').message).toBe(
    'The name \\u001b[2J\\u0000 is not known.',
  )
})

test('other sentences are as they are', () => {
  expect(usageError('y'.repeat(1500)).message).toBe('y'.repeat(1500))
})
