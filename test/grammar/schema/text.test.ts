import { describe, expect, test } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { compileSchema, type SchemaOptions } from '../../../src/grammar/schema/index.js'
import { completed, following, refusedAt, stateAfter } from './read-text.js'

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer', minimum: 0 },
    tags: { items: { enum: ['x', 'y'] } },
    id: {},
  },
  required: ['name', 'id'],
  additionalProperties: false,
}

describe('Names come', () => {
  const accepts = (schema: unknown, order: SchemaOptions['order'], text: string) =>
    refusedAt(compileSchema(schema, { order }), text) === -1

  test('in the order of the schema, where nothing else is asked for', () => {
    expect(accepts(PERSON, undefined, '{"name":"","age":1,"id":0}')).toBe(true)
    expect(accepts(PERSON, 'schema', '{"age":1,"name":"","id":0}')).toBe(false)
    expect(accepts(PERSON, 'any', '{"id":0,"age":1,"name":""}')).toBe(true)
  })

  test('with integer-like ones where they stand, those that are only required after them, and others last', () => {
    const schema = '{"required":["z"],"properties":{"b":true,"1":{},"a":{}},"type":"object"}'
    expect(accepts(schema, 'schema', '{"b":0,"1":0,"a":0,"z":0,"more":0}')).toBe(true)
    for (const text of ['{"1":0,"b":0,"z":0}', '{"z":0,"a":0}', '{"more":0,"z":0}', '{"z":0,"more":0,"a":0}'])
      expect(accepts(schema, 'schema', text)).toBe(false)
  })

  test('in the order of what allOf, anyOf and references say', () => {
    const schema = {
      allOf: [{ properties: { c: {} } }, { $ref: '#/$defs/d' }],
      properties: { a: { type: 'null' } },
      $defs: { d: { properties: { b: { type: 'null' } } } },
    }
    expect(accepts(schema, 'schema', '{"c":1,"b":null,"a":null}')).toBe(true)
    expect(accepts(schema, 'schema', '{"a":null,"b":null}')).toBe(false)
  })
})

describe('A byte is refused as soon as nothing valid can come of it:', () => {
  const POINT = {
    type: 'object',
    properties: { x: { type: 'integer' }, y: false, xy: {} },
    required: ['xy'],
    additionalProperties: false,
  }
  test.each([
    ['a closed object has its names alone', POINT, '{"', 'x'],
    ['a name whose value cannot be valid does not come', POINT, '{"x', 'y"'],
    ['a required name is waited for', POINT, '{"x":1', '0123456789,'],
    ['nothing follows the last name', POINT, '{"xy":0', '.}eE'],
    ['no name is left out that is needed', PERSON, '{', '"'],
    ['a string that is finished by its language is closed', { enum: ['ab', 'ac'] }, '"ab', '"'],
    ['a limit leaves the digits that keep it', { type: 'integer', minimum: 17, maximum: 23 }, '1', '789'],
    [
      'room is left for names that are required',
      { required: ['a', 'b'], maxProperties: 2, properties: { c: {}, a: {} } },
      '{"',
      'a',
    ],
    [
      'items that are used up do not come again',
      { items: { enum: ['a', 'b'] }, uniqueItems: true },
      '["a","',
      'b',
    ],
    [
      'nor does a comma where none is left',
      { items: { type: 'boolean' }, uniqueItems: true },
      '[true,false',
      ']',
    ],
    ['an array that is full is closed', { items: {}, maxItems: 1 }, '[{}', ']'],
    [
      'an array that may not become long enough does not open',
      {
        type: 'object',
        properties: { a: { type: ['array', 'null'], prefixItems: [true], items: false, minItems: 2 } },
      },
      '{"a":',
      'n',
    ],
    [
      'an item that is needed opens',
      { prefixItems: [{ type: 'null' }], minItems: 1, type: 'array' },
      '[',
      'n',
    ],
    [
      'of alternatives those remain that fit',
      {
        oneOf: [
          { properties: { k: { const: 'on' } }, required: ['k'] },
          { properties: { k: { const: 'off' } }, required: ['k'] },
        ],
        type: 'object',
      },
      '{"k":"o',
      'fn',
    ],
    [
      'what a name implies is waited for',
      {
        dependentRequired: { a: ['b'] },
        properties: { a: { const: 1 }, b: {} },
        additionalProperties: false,
      },
      '{"a":1',
      ',',
    ],
    [
      'a negation leaves what it does not hold',
      { type: 'string', not: { pattern: '^[^b]' }, maxLength: 1 },
      '"',
      '"b',
    ],
  ])('%s', (_, schema, text, bytes) => {
    const automaton = compileSchema(schema)
    expect(following(automaton, text)).toBe([...bytes].sort().join(''))
  })

  test('a repeated key is refused at its end, whatever its spelling', () => {
    const automaton = compileSchema({ type: 'object' }, { anySpelling: true })
    expect(refusedAt(automaton, '{"ab":1,"ab":2}')).toBe(11)
    expect(refusedAt(automaton, '{"ab":1,"\\u0061b":2}')).toBe(16)
    expect(refusedAt(automaton, '{"ab":{"ab":1},"abc":{"ab":2}}')).toBe(-1)
  })
})

describe('Strings that are written', () => {
  test('have no needless escapes, and no numbers in other spellings', () => {
    const automaton = compileSchema({ items: { type: ['string', 'integer'] } })
    for (const text of ['["a/é😀\\n\\"\\\\\\u001f\u007f"]', '[12,-3]'])
      expect(refusedAt(automaton, text)).toBe(-1)
    for (const text of ['["\\/"]', '["\\u0041"]', '["\n"]', '[1.0]', '[1e2]', '["\\ud800"]'])
      expect(refusedAt(automaton, text)).toBeGreaterThan(0)
  })

  test.each([
    [{ not: { const: 0 } }],
    [{ not: { enum: [0, 1.5] } }],
    [{ not: { minimum: -0.5, maximum: 3 } }],
    [{ not: { multipleOf: 0.5 } }],
    [{ not: { type: 'integer' } }],
    [{ oneOf: [{ const: 1.5 }, { type: 'number' }] }],
  ])('are no numbers that %j refuses, in whatever spelling', (schema) => {
    const refused = [
      '0',
      '-0',
      '0.0',
      '0e1',
      '-0.0e-1',
      '1.5',
      '1.50',
      '15e-1',
      '3',
      '30e-1',
      '1.0',
      '-0.5',
      '-5e-1',
    ]
    const [written, read] = [false, true].map((anySpelling) => compileSchema(schema, { anySpelling }))
    // What is written is what is read, or less.
    const accepted = refused.filter((text) => refusedAt(written, text) === -1)
    expect(accepted.filter((text) => refusedAt(read, text) !== -1)).toEqual([])
    const values = new Map(refused.map((text) => [text, Number(text) + 0]))
    const readNumbers = refused.filter((text) => refusedAt(read, text) === -1).map((text) => values.get(text))
    const unread = refused.filter((text) => refusedAt(read, text) !== -1).map((text) => values.get(text))
    expect(readNumbers.filter((value) => unread.includes(value))).toEqual([])
    expect(unread.length).toBeGreaterThan(0)
  })

  test('take as much free text as their lengths, languages and names leave', () => {
    const free = (schema: unknown, text: string) => {
      const automaton = compileSchema(schema)
      return automaton.freeText(stateAfter(automaton, text))
    }
    expect(free({ type: 'string' }, '"')).toBe(Number.POSITIVE_INFINITY)
    expect(free({ maxLength: 30 }, '"abc')).toBe(27)
    expect(free({ type: 'object' }, '{"a')).toBe(Number.POSITIVE_INFINITY)
    expect(free(PERSON, '{"')).toBe(0)
    expect(free({ type: 'integer' }, '1')).toBe(0)
  })
})

describe('Whitespace', () => {
  const schema = { properties: { a: { items: { type: 'integer' } }, b: { type: 'object' } }, type: 'object' }
  const TEXTS = {
    compact: '{"a":[1,2],"b":{}}',
    python: '{"a": [1, 2], "b": {}}',
    pretty: '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}',
    loose: '{ "a" : [ 1 ,\n2 ]\t,"b":{ } }',
  }
  const accepted = (whitespace: SchemaOptions['whitespace']) =>
    Object.entries(TEXTS)
      .filter(([, text]) => refusedAt(compileSchema(schema, { whitespace }), text) === -1)
      .map(([name]) => name)

  test('is that of a style, to the character', () => {
    expect(accepted('compact')).toEqual(['compact'])
    expect(accepted('python')).toEqual(['python'])
    expect(accepted({ indent: 2 })).toEqual(['pretty'])
    expect(accepted({ flexible: 1 })).toEqual(['compact', 'python', 'loose'])
    expect(accepted({ flexible: 5 })).toEqual(Object.keys(TEXTS))
  })

  test('never stands before the first byte or after the last, and is bounded between', () => {
    const automaton = compileSchema(schema, { whitespace: { flexible: 2 } })
    expect(refusedAt(automaton, ' {}')).toBe(0)
    expect(refusedAt(automaton, '{} ')).toBe(2)
    expect(refusedAt(automaton, '{   }')).toBe(3)
  })
})

describe('A completion', () => {
  test.each([
    [PERSON, '', undefined],
    [true, '{"a":[{"b":"x', '{"a":[{"b":"x"}]}'],
    [
      { required: ['a', 'b'], properties: { b: { enum: ['long', 'x'] }, a: { type: 'array', minItems: 2 } } },
      '{',
      '{"b":"x","a":[0,0]}',
    ],
    [
      { type: 'array', uniqueItems: true, minItems: 3, items: { type: 'integer', minimum: 5, maximum: 7 } },
      '[6',
      undefined,
    ],
    [{ type: 'array', contains: { const: 'needle' } }, '[1', '[1,"needle"]'],
    [
      {
        $ref: '#/$defs/t',
        $defs: {
          t: {
            anyOf: [
              { type: 'null' },
              { type: 'object', properties: { l: { $ref: '#/$defs/t' } }, required: ['l'] },
            ],
          },
        },
      },
      '{"l":{',
      '{"l":{"l":null}}',
    ],
    [{ minProperties: 2, type: 'object' }, '{"a":1', undefined],
    [
      { patternProperties: { '^k': { type: 'integer' } }, minProperties: 1, propertyNames: { minLength: 3 } },
      '{"k',
      undefined,
    ],
  ])('of %j from %s is short and valid', (schema, text, expected) => {
    for (const whitespace of ['compact', { indent: 1 }] as const) {
      const automaton = compileSchema(schema, { whitespace })
      if (refusedAt(automaton, text) < Buffer.from(text).length && whitespace !== 'compact') continue
      const whole = completed(automaton, text)
      expect(refusedAt(automaton, whole)).toBe(-1)
      if (expected && whitespace === 'compact') expect(whole).toBe(expected)
      expect(whole.length).toBeLessThan(text.length + 60)
    }
  })
})

test('Equal situations are one state, and masks forget names and items that were read', () => {
  const automaton = compileSchema({
    type: 'array',
    items: { properties: { a: { type: 'string' } }, type: 'object' },
  })
  const at = (text: string) => stateAfter(automaton, text)
  expect(at('[{"a":"x"},{"a":"')).toBe(at('[{"a":"'))
  expect(at('[{"a":"xyz')).toBe(at('[{"a":"q'))
  expect(at('[{"b":"')).not.toBe(at('[{"c":"'))
  const masked = (text: string) => automaton.maskState(at(text), 100)
  expect(masked('[{"b":"')).toBe(masked('[{"c":"'))
  expect(masked('[{"bc')).toBe(masked('[{"xy'))
  // A name that may become a repeated one is not forgotten.
  const repeated = masked('[{"bc":1,"b')
  expect(repeated).not.toBe(masked('[{"bd":1,"b'))
  const quoted = automaton.next(automaton.next(repeated, 0x63), 0x22)
  expect(quoted).toBe(DEAD)
})

test('A walk over long and deep texts ends: nesting and repetition have limits', () => {
  const automaton = compileSchema(true)
  expect(refusedAt(automaton, `${'['.repeat(500)}${']'.repeat(500)}`)).toBe(-1)
  expect(refusedAt(automaton, '['.repeat(600))).toBe(500)
  const long = compileSchema({ minLength: 5, maxLength: 2_000_000_000 })
  expect(long.size).toBeLessThan(20)
  expect(refusedAt(long, `"${'x'.repeat(1000)}"`)).toBe(-1)
})

test('The shortest value of very many optional fields is empty', () => {
  const integer = { type: 'integer' }
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, integer]))
  const object = { type: 'object', properties: fields, additionalProperties: false }
  for (const [schema, shortest] of [
    [object, '{}'],
    [{ type: 'array', items: object, minItems: 2 }, '[{},{}]'],
  ] as const) {
    const automaton = compileSchema(schema)
    expect(Buffer.from(automaton.completion(automaton.start)).toString()).toBe(shortest)
  }
})
