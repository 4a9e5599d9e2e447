import { expect, test } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { compileSchema, type SchemaOptions } from '../../../src/grammar/schema/index.js'
import { following, stateAfter } from './read-text.js'

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

test.each<[string, unknown, SchemaOptions, string, string]>([
  [
    'numbers in any spelling',
    { oneOf: [{ enum: [[1], [2], [5]] }, { enum: [[1], [2], [4], [5]] }] },
    { anySpelling: true },
    '[20e-1',
    '[40e-1',
  ],
  [
    'texts that begin in one way',
    {
      oneOf: ['abc', 'abcd'].map((letters) => ({
        anyOf: Array.from(letters, (letter) => ({
          type: 'array',
          prefixItems: [{ type: 'string', pattern: `^${letter}` }],
          minItems: 1,
          maxItems: 1,
        })),
      })),
    },
    {},
    '["a',
    '["d',
  ],
])('an item that no way allows does not begin: %s', (_, schema, options, dead, alive) => {
  const automaton = compileSchema(schema, options)
  expect(stateAfter(automaton, dead)).toBe(DEAD)
  expect(stateAfter(automaton, alive)).not.toBe(DEAD)
})
