import { expect, test, vi } from 'vitest'
import { encodePrompt } from '../../src/generation/prompt.js'
import { stubTokenizer } from './stub-model.js'

test('a text that cannot fit is refused before it is cut into tokens', () => {
  const tokenizer = stubTokenizer(13)
  const encode = vi.spyOn(tokenizer, 'encode')
  // The longest token of the stub is `12 `.
  const options = { tokenizer, maxPositions: 10 }
  expect(encodePrompt('12 '.repeat(10), options)).toHaveLength(10)
  encode.mockClear()
  expect(() => encodePrompt(`${'12 '.repeat(10)}1`, options)).toThrow(
    "The prompt has 31 characters, but the model's context ends at 10 tokens: shorten the prompt.",
  )
  expect(() => encodePrompt([{ role: 'user', content: '1 '.repeat(5e6) }], options)).toThrow(
    'The prompt has 10000000 characters',
  )
  expect(encode).not.toHaveBeenCalled()
})
