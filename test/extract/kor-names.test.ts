import { expect, test } from 'vitest'
import { readKor } from '../../src/extract/kor.js'

test('a node of Kor may be called as a method of objects is', () => {
  const root = { type: 'object', id: 'a', attributes: [{ type: 'text', id: 'constructor' }] }
  expect(readKor(root).schema).toMatchObject({ required: ['constructor'] })
})
