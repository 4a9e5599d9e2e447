import { expect, test } from 'vitest'
import { compileSchema } from '../../../src/grammar/schema/index.js'
import { following } from './read-text.js'

test.each([
  [
    'an object that has fewer names than it needs',
    {
      type: 'object',
      propertyNames: { enum: [''] },
      oneOf: [{ minProperties: 3 }, { patternProperties: { x: { type: 'null' } } }, { minProperties: 0 }],
    },
  ],
  [
    'an array of one item that needs two which are the same',
    { maxItems: 1, not: { uniqueItems: true }, contains: { maxProperties: 0 } },
  ],
])('%s does not begin', (_, schema) => {
  const automaton = compileSchema({ anyOf: [schema, { type: 'boolean' }] })
  expect(following(automaton, '')).toBe('ft')
  expect(() => compileSchema(schema)).toThrow('no value is valid')
})

test('a name after which no others can meet what is left does not begin', () => {
  const hasName = (pattern: string) => ({ not: { propertyNames: { not: { pattern } } } })
  const automaton = compileSchema({
    type: 'object',
    allOf: ['a', 'b', 'c', 'd'].map(hasName),
    anyOf: [{ required: ['da'] }, { required: ['db'] }],
    propertyNames: { pattern: '^..$' },
    patternProperties: { '(b|c){2}': false },
    maxProperties: 2,
  })
  expect(following(automaton, '{"d')).toBe('b')
  expect(Buffer.from(automaton.completion(automaton.start)).toString()).toMatch(/^\{"db":.,"(ac|ca)":.\}$/)
})
