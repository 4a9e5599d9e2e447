import { describe, expect, test } from 'vitest'
import { compileSchema, SchemaError } from '../../../src/grammar/schema/index.js'

describe('A schema is refused, with the place', () => {
  test.each([
    [{ properties: { a: { type: 'strin' } } }, '#/properties/a/type', /there is no type "strin"/],
    [{ $ref: '#/$defs/x' }, '#', /leads nowhere/],
    [
      { items: { $ref: 'http://x/y.json#/a' } },
      '#/items',
      /put that document under "\$defs" of the schema, with "\$id": "http:\/\/x\/y\.json"/,
    ],
    [
      { $schema: 'http://json-schema.org/draft-04/schema#', $ref: 'y.json' },
      '#',
      /put that document under "definitions" of the schema, with "id": "y\.json"/,
    ],
    [{ items: { $ref: '#nowhere' } }, '#/items', /no schema has the anchor/],
    [{ $ref: '#' }, '#', /refers to itself/],
    [
      {
        $defs: { a: { allOf: [{ $ref: '#/$defs/b' }] }, b: { not: { $ref: '#/$defs/a' } } },
        items: { $ref: '#/$defs/a' },
      },
      '#/$defs/a',
      /refers to itself/,
    ],
    [{ items: { pattern: '(' } }, '#/items/pattern', /regular expression/],
    [{ patternProperties: { '(a)\\1': true } }, '#/patternProperties', /regular expression/],
    [{ minLength: -1 }, '#/minLength', /whole number/],
    [{ maximum: '3' }, '#/maximum', /a number is needed/],
    ['{"items":{"maximum":1e400}}', '#/items/maximum', /read 1e400 as Infinity/],
    ['{"exclusiveMinimum":-1e309}', '#/exclusiveMinimum', /read -1e309 as Infinity/],
    [{ multipleOf: 0 }, '#/multipleOf', /above 0/],
    [{ required: 'a' }, '#/required', /list of names/],
    [{ allOf: {} }, '#/allOf', /list of schemas/],
    [{ properties: { 'a/b~c': 3 } }, '#/properties/a~1b~0c', /a schema is an object/],
    [[], '#', /a schema is an object/],
    [{ enum: 3 }, '#/enum', /list of values/],
    [{ uniqueItems: 1 }, '#/uniqueItems', /true or false/],
    [
      {
        unevaluatedItems: false,
        anyOf: Array.from({ length: 9 }, (_, i) => ({ contains: { const: i }, minItems: i })),
      },
      '#/unevaluatedItems',
      /more than 8 alternatives/,
    ],
  ])('%j', (schema, pointer, reason) => {
    const refusal = () => compileSchema(typeof schema === 'string' ? schema : JSON.stringify(schema))
    expect(refusal).toThrow(SchemaError)
    expect(refusal).toThrow(reason)
    expect(refusal).toThrow(expect.objectContaining({ pointer, exitCode: 2 }))
  })

  test.each([
    [false],
    [{ type: 'object', required: ['a'], properties: { a: false } }],
    [{ type: 'integer', exclusiveMinimum: 3, exclusiveMaximum: 4 }],
    [{ type: 'string', pattern: '^a{3}$', maxLength: 2 }],
    [{ type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }],
    [{ type: 'array', items: { enum: [1, 2] }, uniqueItems: true, minItems: 3 }],
    [{ type: 'object', required: ['a', 'b', 'c'], maxProperties: 2 }],
    [{ oneOf: [{ required: ['a'] }, { required: ['b'] }], required: ['a', 'b'], type: 'object' }],
    [{ type: 'array', contains: { type: 'string' }, items: { type: 'number' } }],
    [{ enum: [1, { a: 1 }], type: 'object', propertyNames: { minLength: 2 } }],
    [{ allOf: [{ type: 'null' }, { not: { const: null } }] }],
  ])('where no value is valid: %j', (schema) => {
    expect(() => compileSchema(schema)).toThrow(/at #: no value is valid/)
  })
})

describe('A warning tells', () => {
  test.each([
    [
      { additionalPropertis: false },
      ['#/additionalPropertis: the keyword is not known; did you mean additionalProperties?'],
    ],
    [{ items: { format: 'colour' } }, ['#/items/format: the format "colour" is not enforced']],
    [{ $schema: 'http://x/own' }, ['#: the dialect http://x/own is not known, and 2020-12 is taken for it']],
    [
      { $schema: 'http://json-schema.org/draft-07/schema#', dependentRequired: { a: ['b'] } },
      ["#/dependentRequired: dependentRequired is no keyword of the schema's draft, and is passed over"],
    ],
    [{ title: 'x', description: 'y', 'x-own': 1, colour: 2 }, []],
  ])('%j', (schema, warnings) => {
    expect(compileSchema(schema).warnings).toEqual(warnings)
  })

  test('of keys that come twice', () => {
    expect(compileSchema('{"type":"null","type":"string"}').warnings).toEqual([
      '#: The JSON schema has the key "type" twice, and the last one counts',
    ])
  })
})

test('A reference to another document is mended as it is said', () => {
  const schemas = [
    { $ref: 'y.json#/properties/n', $defs: { y: { $id: 'y.json', properties: { n: { const: 3 } } } } },
    {
      $schema: 'http://json-schema.org/draft-04/schema#',
      type: 'object',
      properties: { a: { $ref: 'http://x/y.json' } },
      required: ['a'],
      definitions: { y: { id: 'http://x/y.json', enum: [3] } },
    },
  ]
  const shortest = schemas.map((schema) => {
    const automaton = compileSchema(schema)
    return Buffer.from(automaton.completion(automaton.start)).toString()
  })
  expect(shortest).toEqual(['3', '{"a":3}'])
})
