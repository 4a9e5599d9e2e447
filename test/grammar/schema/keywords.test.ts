// biome-ignore-all lint/suspicious/noThenProperty: a keyword of JSON Schema
import { describe, expect, test } from 'vitest'
import { compileSchema, validate } from '../../../src/grammar/schema/index.js'

/** A schema, texts that it accepts, and texts that it refuses. */
type Row = readonly [schema: unknown, valid: readonly string[], invalid: readonly string[]]

const DRAFT_4 = 'http://json-schema.org/draft-04/schema#'
const DRAFT_7 = 'http://json-schema.org/draft-07/schema#'

const ROWS: readonly Row[] = [
  [true, ['1', '"a"', '[{"a":[null,true]}]', '1e9'], ['', '01', '[1', '{"a":1,"a":2}', 'nul']],
  [{ type: 'integer' }, ['0', '-7', '1.0', '1e2', '120e-1'], ['1.5', '1e-1', '"1"', 'true']],
  [{ type: 'integer', $schema: DRAFT_4 }, ['3'], ['3.0']],
  [{ type: ['null', 'boolean'] }, ['null', 'false'], ['0', '[]']],
  [{ const: 1 }, ['1', '1.0', '10e-1'], ['2', '"1"', 'true']],
  [
    { const: { a: [1, null], b: '' } },
    ['{"b":"","a":[1.0,null]}'],
    ['{"a":[1,null]}', '{"a":[1,null],"b":"","c":1}'],
  ],
  [
    { enum: ['a', 2, [1], { x: 1 }, null, false] },
    ['"a"', '2', '[1]', '{"x":1}', 'null', 'false'],
    ['true', '[]', '[1,1]', '{}', '"b"'],
  ],
  [
    { minimum: 1.5, exclusiveMaximum: 10 },
    ['1.5', '1.50', '9.999', '15e-1', '"x"'],
    ['1.49', '10', '10.0', '1e1', '-3'],
  ],
  [{ minimum: 3, exclusiveMinimum: true, $schema: DRAFT_4 }, ['3.01'], ['3', '3.0']],
  [{ minimum: 123456789012345680000 }, ['123456789012345680000'], ['123456789012345679999']],
  [{ multipleOf: 0.01 }, ['1.23', '-4', '5.100', '7e-2'], ['1.234', '1e-3']],
  [
    { type: 'string', minLength: 2, maxLength: 3 },
    ['"ab"', '"😀é"', '"\\ud83d\\ude00a"', '"a\\n\\u0041"'],
    ['"a"', '"😀"', '"abcd"'],
  ],
  [{ pattern: 'b+$' }, ['"ab"', '"\\u0062"', '3'], ['"ba"', '"b\\n"']],
  [{ not: { pattern: '^a' }, type: 'string' }, ['"b"', '""', '"\\/"'], ['"a"', '"\\u0061b"']],
  [
    { properties: { a: { type: 'integer' } }, required: ['a', 'b'] },
    ['{"b":null,"a":1}', '[]'],
    ['{"a":1}', '{"a":"x","b":1}'],
  ],
  [
    {
      properties: { foo: true, bar: {} },
      patternProperties: { '^f.o$': { minLength: 2 } },
      additionalProperties: false,
    },
    ['{"bar":1,"foo":"ab"}', '{"fxo":"ab"}'],
    ['{"foo":"a"}', '{"x":1}', '{"fxo":"a"}'],
  ],
  [{ propertyNames: { maxLength: 2, not: { const: 'no' } } }, ['{"ab":1,"":2}'], ['{"abc":1}', '{"no":1}']],
  [{ minProperties: 1, maxProperties: 2 }, ['{"a":1}', '{"a":1,"b":2}', '1'], ['{}', '{"a":1,"b":2,"c":3}']],
  [{ dependentRequired: { a: ['b'] } }, ['{"a":1,"b":1}', '{"b":1,"a":1}', '{"b":1}'], ['{"a":1}']],
  [
    { dependencies: { a: ['b'], c: { minProperties: 2 } }, $schema: DRAFT_7 },
    ['{"c":1,"x":1}', '{"b":1,"a":1}'],
    ['{"a":1}', '{"c":1}'],
  ],
  [{ dependencies: { a: ['b'] } }, ['{}'], ['{"a":1}']],
  [
    { prefixItems: [{ type: 'string' }, { const: 1 }], items: false },
    ['[]', '["a"]', '["a",1]'],
    ['[1]', '["a",2]', '["a",1,1]'],
  ],
  [
    { items: [{ type: 'string' }], additionalItems: { type: 'null' } },
    ['["a",null,null]'],
    ['["a",1]', '[null]'],
  ],
  [{ minItems: 2, maxItems: 3 }, ['[1,2]', '[[],[],{}]'], ['[1]', '[1,2,3,4]']],
  [
    { contains: { const: 1 }, minContains: 2, maxContains: 3 },
    ['[1,0,1]', '[1,1.0,1,2]'],
    ['[1]', '[1,1,1,1]', '[]'],
  ],
  [{ contains: { type: 'string' }, minContains: 0 }, ['[]', '[1]'], []],
  [
    { uniqueItems: true },
    ['[1,2,"1",[1],[2],{"a":1},{"a":2}]', '["a","aa"]'],
    ['[1,1.0]', '[{"a":1,"b":2},{"b":2,"a":1}]', '[[1],[1e0]]', '["a","\\u0061"]'],
  ],
  [{ not: { uniqueItems: true }, type: 'array' }, ['[1,1]', '[1,2,1]'], ['[]', '[1,2]']],
  [
    { type: 'array', maxItems: 2, not: { uniqueItems: true } },
    ['[1,1]', '["a","a"]', '[[],[]]'],
    ['[]', '[1]', '[1,2]', '[1,1,1]'],
  ],
  [
    { type: 'array', maxItems: 4, not: { uniqueItems: true } },
    ['[1,2,3,1]', '[1,2,1]', '[1,1,2,3]'],
    ['[1,2,3,4]', '[1,2]'],
  ],
  [
    { type: 'array', maxItems: 2, oneOf: [{ uniqueItems: true }, { minItems: 2 }] },
    ['[1,1]', '[1]', '[]'],
    ['[1,2]'],
  ],
  [{ type: 'array', maxItems: 2, if: { uniqueItems: true }, then: false }, ['[1,1]'], ['[1,2]', '[1]']],
  [
    { type: 'array', prefixItems: [{}, {}], items: false, not: { uniqueItems: true } },
    ['[1,1]'],
    ['[1,2]', '[1,1,1]'],
  ],
  [
    { type: 'array', oneOf: [{ maxItems: 3 }, { uniqueItems: true }, { uniqueItems: true }] },
    ['[1,1]', '[1,1,1]'],
    ['[1]', '[1,2]', '[1,1,1,1]', '[1,2,3,4]'],
  ],
  [{ items: { uniqueItems: true }, uniqueItems: true }, ['[[1,2],[2,1]]'], ['[[1],[1]]', '[[1,1]]']],
  [
    { allOf: [{ minimum: 2 }, { maximum: 4 }], anyOf: [{ const: 3 }, { multipleOf: 2 }] },
    ['2', '3', '4'],
    ['1', '5', '2.5'],
  ],
  [{ oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] }, ['2', '9', '-4'], ['6', '0', '5', '""']],
  [
    { oneOf: [{ required: ['a'] }, { required: ['b'] }, { required: ['c'] }], type: 'object' },
    ['{"a":1}', '{"x":1,"c":1}'],
    ['{}', '{"a":1,"c":2}'],
  ],
  [
    {
      oneOf: [
        { properties: { kind: { const: 'x' }, v: { type: 'string' } }, required: ['kind', 'v'] },
        { properties: { kind: { const: 'y' }, v: { type: 'number' } }, required: ['kind', 'v'] },
      ],
    },
    ['{"kind":"x","v":""}', '{"v":1,"kind":"y"}'],
    ['{"kind":"x","v":1}', '{"v":1,"kind":"x"}', '{"kind":"y"}'],
  ],
  [
    { not: { required: ['a'], properties: { a: { type: 'integer' } } } },
    ['{}', '{"a":"x"}'],
    ['{"a":1}', '1'],
  ],
  [
    {
      if: { properties: { a: { const: 1 } }, required: ['a'] },
      then: { required: ['b'] },
      else: { maxProperties: 1 },
    },
    ['{"a":1,"b":2}', '{"b":1}', '{"a":2}'],
    ['{"a":1}', '{"b":2,"c":3}'],
  ],
  [{ then: false, else: false, minContains: 5 }, ['1', '[]'], []],
  [{ $ref: '#/$defs/a~1b%25', minimum: 3, $defs: { 'a/b%': { type: 'integer' } } }, ['3'], ['2', '3.5']],
  [
    { $ref: '#/definitions/a', minimum: 3, definitions: { a: { type: 'integer' } }, $schema: DRAFT_7 },
    ['2'],
    ['"a"'],
  ],
  [
    { properties: { next: { $ref: '#' }, v: { type: 'null' } }, additionalProperties: false },
    ['{"next":{"next":{"v":null}}}'],
    ['{"next":{"x":1}}'],
  ],
  [
    {
      $id: 'http://x/root',
      $defs: { s: { $id: 'sub', $anchor: 'here', type: 'string' } },
      items: { $ref: 'sub#here' },
    },
    ['["a"]'],
    ['[1]'],
  ],
  [
    {
      allOf: [{ properties: { a: true } }],
      anyOf: [{ properties: { b: { const: 1 } }, required: ['b'] }, true],
      unevaluatedProperties: { type: 'null' },
    },
    ['{"a":1,"b":1}', '{"c":null}', '{"b":null}'],
    ['{"b":2}', '{"c":1}'],
  ],
  [
    { prefixItems: [true], contains: { type: 'string' }, unevaluatedItems: false },
    ['[1,"a"]', '["a"]'],
    ['[1,2,"a"]', '[1]'],
  ],
  [
    { format: 'date' },
    ['"2024-02-29"', '"2000-02-29"', '4'],
    ['"2023-02-29"', '"1900-02-29"', '"2024-13-01"'],
  ],
  [
    { format: 'date-time' },
    ['"2024-12-31T23:59:60Z"', '"2024-01-01T00:29:60.5+00:30"', '"2024-01-01t01:02:03z"'],
    ['"2024-12-31T23:58:60Z"', '"2024-01-01T24:00:00Z"', '"2024-01-01T00:00:00"'],
  ],
  [
    { format: 'idn-email' },
    ['"실례@실례.테스트"', '"müller+x@bücher.example"', '"a.b@c.de"'],
    ['"é@b"', '"é..b@c.de"', '"é@-ö.de"', '"é@ö-.de"', '"é@ö..de"', '"é\u3000b@c.de"', '"@ö.de"'],
  ],
  [
    { format: 'iri' },
    ['"http://bücher.example/é?ü#ß"', '"urn:é"'],
    ['"//bücher.example"', '"http://é é"', '"é:x"', '"http://é/%e"'],
  ],
  [{ format: 'email' }, ['"a.b+c@d-e.example"'], ['"a@b"', '"a..b@c.de"', '"@c.de"', '"a b@c.de"']],
  [
    { format: 'ipv6' },
    ['"::"', '"1:2:3:4:5:6:7:8"', '"::ffff:1.2.3.4"', '"a::b"'],
    ['"1::2::3"', '"12345::"', '"1:2:3:4:5:6:7"', '":::"'],
  ],
  [{ format: 'hostname' }, ['"a.b-c.example"'], ['"-a"', '"a..b"', `"${'a'.repeat(64)}"`]],
  [
    { format: 'uri' },
    ['"http://a.b/c?d#e"', '"urn:x:y"', '"mailto:a@b"'],
    ['"//a"', '"a b:c"', '"http://a/<"'],
  ],
  [{ format: 'duration' }, ['"P1Y2M3DT4H"', '"PT5S"', '"P4W"'], ['"P"', '"P1YT"', '"P1W2D"']],
]

test('Many patterns of keys are told apart', () => {
  const letters = [...'abcdefghijklmnopqrst']
  const patterns = Object.fromEntries(letters.map((letter, i) => [letter, { minimum: i }]))
  const automaton = compileSchema({ patternProperties: patterns, additionalProperties: false })
  const accepted = ['{"ab":1}', '{"bab":0}', '{"xt":19}', '{"xt":18}', '{"x":1}'].map((text) =>
    validate(automaton, text),
  )
  expect(accepted).toEqual([true, false, true, false, false])
})

describe('A schema accepts and refuses', () => {
  test.each(ROWS)('%j', (schema, valid, invalid) => {
    const automaton = compileSchema(JSON.stringify(schema), { order: 'any', anySpelling: true })
    expect(valid.filter((text) => !validate(automaton, text))).toEqual([])
    expect(invalid.filter((text) => validate(automaton, text))).toEqual([])
  })
})

test('Format is passed over where that is asked for', () => {
  expect(validate(compileSchema({ format: 'date' }, { formats: 'ignore' }), '"x"')).toBe(true)
})

test('Other documents are those that are given', () => {
  const documents = new Map([
    ['http://x/list.json', '{"$defs":{"n":{"type":"integer"}},"items":{"$ref":"#/$defs/n"}}'],
  ])
  const automaton = compileSchema({ $ref: 'http://x/list.json' }, { documents })
  expect([validate(automaton, '[1]'), validate(automaton, '["a"]')]).toEqual([true, false])
})

test('A dynamic reference leads to the outermost anchor', () => {
  const tree = {
    $id: 'tree',
    $dynamicAnchor: 'node',
    properties: { kids: { items: { $dynamicRef: '#node' } } },
  }
  const strict = {
    $id: 'http://x/strict',
    $dynamicAnchor: 'node',
    $ref: 'tree',
    unevaluatedProperties: false,
    $defs: { tree },
  }
  const accepts = (schema: unknown) => validate(compileSchema(schema), '{"kids":[{"kid":1}]}')
  expect([accepts(strict), accepts(tree)]).toEqual([false, true])
})
