import { describe, expect, test } from 'vitest'
import { compileSchema, validate } from '../../../src/grammar/schema/index.js'
import { completed } from './read-text.js'

describe('A number counts for what it is worth, however it is spelt:', () => {
  const SPELLINGS = ['8', '8.0', '8e0', '8E0', '80e-1', '0.8e1', '8000000000000000000000e-21']

  // A limit of another member, of which the schema hears only afterwards.
  test.each([
    { dependentSchemas: { a: { properties: { b: { maximum: 6 } } } } },
    { oneOf: [{ required: ['a'] }, { properties: { b: { exclusiveMinimum: 6 } } }] },
  ])('none is taken for another one that %j allows', (schema) => {
    for (const anySpelling of [false, true]) {
      const automaton = compileSchema(schema, { order: 'any', anySpelling })
      for (const number of [...SPELLINGS, '9e30'])
        for (const text of [`{"b":${number},"a":0}`, `{"a":0,"b":${number}}`])
          expect(validate(automaton, text), text).toBe(false)
      expect(validate(automaton, '{"a":0,"b":5}')).toBe(true)
    }
  })

  test.each([
    ['{"enum":[1e2],"maximum":200}', '100'],
    ['{"const":1.0,"type":"integer"}', '1'],
    ['{"const":1.50,"minimum":1}', '1.5'],
    ['{"enum":[-0.0,5],"maximum":3}', '0'],
    ['{"type":"array","items":{"enum":[1e2,2]},"contains":{"minimum":50}}', '[100]'],
  ])('the values that %s lists are found', (schema, shortest) => {
    const automaton = compileSchema(schema)
    expect(completed(automaton, '')).toBe(shortest)
    expect(validate(automaton, shortest)).toBe(true)
  })
})
