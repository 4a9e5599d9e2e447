import { describe, expect, test } from 'vitest'
import { parseJson, parseJsonObject } from '../src/json.js'

const message = (text: string) => {
  try {
    parseJson(text, 'f.json')
  } catch (error) {
    return (error as Error).message
  }
  return 'valid'
}

describe('a fault of JSON is told with its place', () => {
  test.each([
    [
      '{"a": Infinity}',
      'line 1, column 7: Infinity is no number of JSON: write null, or leave the field out',
    ],
    ['{"a": 1,\n "b": -Infinity}', 'line 2, column 7: -Infinity is no number'],
    ['[NaN]', 'line 1, column 2: NaN is no number'],
    ['{"q": "Infinity", "n": NaN}', 'line 1, column 24: NaN'],
    ['', 'it is empty'],
    [' \n', 'it is empty'],
    ['{', 'column 2: it ends too early'],
    ['{"a": [1, 2', 'column 12: it ends too early'],
    ['{"a":}', 'column 6: "}" is unexpected'],
    ['{"a" 1}', 'column 6: "1" is unexpected'],
    ['{a: 1}', 'column 2: "a" is unexpected'],
    ['{"a": 1}}', 'column 9: "}" is unexpected'],
    ['[1,]', 'column 4: "]" is unexpected'],
    ['{"a": 1,}', 'column 9: "}" is unexpected'],
    ['[1 2]', 'column 4: "2" is unexpected'],
    ['[01]', 'column 2: "0" is unexpected'],
    ['{"a": tru}', 'column 7: "t" is unexpected'],
    ['{"a": "b\nc"}', 'column 7: a text is not closed, or holds a control character or a wrong escape'],
    ['"abc', 'column 1: a text is not closed'],
    ['"\\x41"', 'column 1: a text is not closed, or holds a control character or a wrong escape'],
    ['<html>', 'line 1, column 1: "<" is unexpected'],
    ['{"a": {"b": [}}', 'column 14: "}" is unexpected'],
    ["{'a': 1}", 'column 2: "\'" is unexpected'],
    ['{"a": 1} // note', 'column 10: "/" is unexpected'],
  ])('%j', (text, fault) => {
    expect(message(text)).toContain(`f.json is not valid JSON: ${fault.startsWith('line') ? fault : ''}`)
    expect(message(text)).toContain(fault)
  })

  test('anything that JSON.parse takes passes', () => {
    for (const text of ['0', '-0.5e+3', '"\\u00e9\x7f"', '[]', '{}', '{"a":[{},[]],"b":null}', ' true ']) {
      expect(parseJson(text, 'f')).toEqual(JSON.parse(text))
    }
  })

  test('what is no object is told by its kind', () => {
    expect(() => parseJsonObject('[1]', 'f.json', 2)).toThrow(
      'f.json holds a list, where a JSON object is needed.',
    )
    expect(() => parseJsonObject('null', 'f.json')).toThrow('f.json holds null')
    expect(() => parseJsonObject('"x"', 'f.json')).toThrow('f.json holds a string')
  })
})
