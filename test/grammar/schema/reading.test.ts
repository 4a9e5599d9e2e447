import { describe, expect, test } from 'vitest'
import { UserError } from '../../../src/errors.js'
import { canonicalJson, jsonText, readJson } from '../../../src/grammar/schema/json.js'

describe('readJson', () => {
  test.each([
    ['{"b":1,"10":2,"2":3,"a":4}'],
    ['{"__proto__":{"x":1},"constructor":null,"toString":[]}'],
    ['[1.0,1e400,-0,123456789012345678901234567890,0.1e-7]'],
    ['["\\u0000","\\ud83d\\ude00","\\"\\\\"]'.replace('\\ud83d\\ude00', '😀')],
    ['{"":[[],{},[{}]]}'],
    ['true'],
  ])('keeps order, keys and numbers of %s', (text) => {
    expect(jsonText(readJson(text, 'x'))).toBe(text)
  })

  test('reads through whitespace and tells of keys that come twice; the last one counts, at its place', () => {
    const twice: string[] = []
    const value = readJson(' { "a" : 1 ,\n"b": [ ] , "a"\t:2 } ', 'x', (key) => twice.push(key))
    expect([jsonText(value), twice]).toEqual(['{"b":[],"a":2}', ['a']])
  })

  test.each([
    ['[1,]', /^schema\.json is not valid JSON: line 1, column 4/],
    ['{"a":\n01}', /line 2, column 1/],
    ['', /empty/],
    ['[NaN]', /NaN is no number/],
    [`${'['.repeat(501)}${']'.repeat(501)}`, /nested more than 500 levels/],
    [`${'['.repeat(200_000)}${']'.repeat(200_000)}`, /nested more than 500 levels/],
    [`"${'x'.repeat(4 * 1024 * 1024)}"`, /4194304 are the limit/],
  ])('refuses what is no JSON or too much of it: %#', (text, message) => {
    expect(() => readJson(text, 'schema.json')).toThrow(message)
    expect(() => readJson(text, 'schema.json')).toThrow(UserError)
  })
})

test('Equal values have one canonical text, and others have another', () => {
  const canonical = (text: string) => canonicalJson(readJson(text, 'x'))
  for (const [a, b] of [
    ['1', '1.0'],
    ['100', '1e2'],
    ['-0.0', '0'],
    ['0.00120', '12e-4'],
    ['{"a":1,"b":[2.0]}', '{"b":[2],"a":1.00}'],
    ['"\\u0061"', '"a"'],
  ])
    expect(canonical(a)).toBe(canonical(b))
  const different = [
    '1',
    '-1',
    '10',
    '"1"',
    '[1]',
    'true',
    'null',
    '{}',
    '{"a":1}',
    '[]',
    '0.1',
    '12345678901234567890',
  ]
  expect(new Set([...different, '12345678901234567891'].map(canonical)).size).toBe(13)
})
