import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { DEAD } from '../../../src/grammar/automaton.js'
import { compileSchema, validate } from '../../../src/grammar/schema/index.js'
import { type SpelledFormat, spellingOf } from '../../../src/grammar/spelling/formats.js'
import { jsonOfSpelled, SpelledReader } from '../../../src/grammar/spelling/reader.js'
import { SpelledAutomaton } from '../../../src/grammar/spelling/spelled.js'
import { createRandom } from '../../../src/random.js'
import { stateAfter } from '../languages.js'

const FORMATS = ['yaml', 'csv', 'xml'] as const

function held(format: SpelledFormat, schema: unknown, order: 'any' | 'schema' = 'schema') {
  const json = compileSchema(schema, { order })
  return { json, automaton: new SpelledAutomaton(spellingOf(format, JSON.stringify(schema)), json) }
}

/** What a text stands for; undefined where it is refused. */
function readAs(format: SpelledFormat, schema: unknown, text: string): unknown {
  const { automaton } = held(format, schema)
  const state = stateAfter(automaton, automaton.start, text)
  if (state === DEAD || !automaton.accepts(state)) return undefined
  return JSON.parse(jsonOfSpelled(automaton, text)!)
}

const person = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: ['integer', 'null'] },
    ok: { type: 'boolean' },
    id: { type: ['string', 'number'] },
  },
  required: ['name', 'age'],
}
const tree = {
  $defs: {
    node: {
      type: 'object',
      properties: { label: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
      required: ['label'],
      additionalProperties: false,
    },
  },
  $ref: '#/$defs/node',
}
const odd = {
  type: 'array',
  items: {
    type: 'array',
    items: { enum: ['a: b', 'true', 1, null, 'x', 'y', 'é\u0085', ' ', 'a #b', '<&>', '"', '\\', [], {}] },
  },
}

/** Schemas of all formats, those of flat rows, and those that CSV has no table for. */
const FLAT = [{ type: 'array', items: person }, person]
const NESTED = [tree, odd, { type: 'string', minLength: 3 }, true, { enum: ['true', 'no', '1'] }]

/** A text that is drawn byte by byte, and then completed. */
function draw(automaton: SpelledAutomaton, random: () => number): string {
  const bytes: number[] = []
  let state = automaton.start
  for (let left = Math.floor(random() * 90); left > 0; left--) {
    const open = Array.from({ length: 127 }, (_, byte) => byte).filter(
      (byte) => automaton.next(state, byte) !== DEAD,
    )
    if (open.length === 0) break
    const marks = open.filter((byte) => '\n",</-:'.includes(String.fromCharCode(byte)))
    const from = marks.length > 0 && random() < 0.4 ? marks : open
    bytes.push(from[Math.floor(random() * from.length)])
    state = automaton.next(state, bytes.at(-1)!)
  }
  return Buffer.concat([Buffer.from(bytes), automaton.completion(state)]).toString()
}

const CASES = FORMATS.flatMap((format) =>
  [...FLAT, ...(format === 'csv' ? [] : NESTED)].map((schema) => [format, schema] as const),
)

describe.each(CASES)('%s of %j', (format, schema) => {
  const { json, automaton } = held(format, schema)

  test('has no dead ends, and all texts stand for valid values', () => {
    const random = createRandom(7)
    for (let i = 0; i < 60; i++) {
      const text = draw(automaton, random)
      expect(automaton.accepts(stateAfter(automaton, automaton.start, text)), text).toBe(true)
      const read = jsonOfSpelled(automaton, text)
      expect(read !== undefined && validate(json, read), text).toBe(true)
      if (format !== 'yaml') continue
      for (const version of ['1.1', '1.2'] as const)
        expect(parse(text, { version }), text).toEqual(JSON.parse(read!))
    }
  })

  test('streams prefixes of the JSON', () => {
    const random = createRandom(8)
    for (let i = 0; i < 15; i++) {
      const text = draw(automaton, random)
      const whole = jsonOfSpelled(automaton, text)!
      const reader = new SpelledReader(automaton)
      let last = ''
      for (const byte of Buffer.from(text)) {
        reader.push([byte])
        expect(whole.startsWith(reader.json), `${reader.json} of ${text}`).toBe(true)
        expect(reader.json.startsWith(last)).toBe(true)
        last = reader.json
      }
    }
  })
})

const VALUES: readonly (readonly [SpelledFormat, unknown, unknown, string])[] = [
  ['yaml', person, { name: 'Ann', age: 3 }, 'name: Ann\nage: 3'],
  ['yaml', person, { name: '3', age: null, ok: true }, 'name: "3"\nage: null\nok: true'],
  ['yaml', tree, { label: 'a', children: [] }, 'label: a\nchildren: []'],
  [
    'yaml',
    tree,
    { label: 'a', children: [{ label: 'b', children: [{ label: 'No' }] }, { label: 'c: d' }] },
    'label: a\nchildren:\n  - label: b\n    children:\n      - label: "No"\n  - label: "c: d"',
  ],
  ['yaml', odd, [['x', 'y'], []], '- - x\n  - "y"\n- []'],
  ['yaml', true, { 'odd key': { yes: '' } }, '"odd key":\n  "yes": ""'],
  ['csv', FLAT[0], [], 'name,age,ok,id'],
  ['csv', FLAT[0], [{ name: 'a, "b"', age: null, id: 'x' }], 'name,age,ok,id\n"a, ""b""",,,x'],
  [
    'csv',
    FLAT[0],
    [
      { name: '', age: 1 },
      { name: '2', age: 3, ok: false, id: 4 },
    ],
    'name,age,ok,id\n"",1,,\n2,3,false,4',
  ],
  ['csv', person, { name: 'two\nlines', age: 1 }, 'name,age,ok,id\n"two\nlines",1,,'],
  ['xml', person, { name: 'a < b & "c"', age: null }, '<data><name>a &lt; b &amp; "c"</name><age/></data>'],
  [
    'xml',
    tree,
    { label: '', children: [{ label: 'b' }, { label: 'c', children: [] }] },
    '<data><label></label><children><label>b</label></children><children><label>c</label><children/></children></data>',
  ],
  ['xml', odd, [['x', 1], []], '<data><item><item>x</item><item>1</item></item><item/></data>'],
]

test.each(VALUES)('%s of %j: %j', (format, schema, value, text) => {
  const { automaton } = held(format, schema)
  expect(Buffer.from(automaton.textOf(JSON.stringify(value))!).toString()).toBe(text)
  expect(readAs(format, schema, text)).toEqual(value)
})

/** Texts that are refused, or read otherwise by someone. */
const REFUSED: readonly (readonly [SpelledFormat, unknown, string])[] = [
  ['yaml', person, 'name: 3\nage: 3'],
  ['yaml', person, 'name: yes\nage: 3'],
  ['yaml', person, 'name: a: b\nage: 3'],
  ['yaml', person, 'name: a \nage: 3'],
  ['yaml', person, 'name: Ann\nage: 3\n'],
  ['yaml', person, 'name: Ann\nname: Bob\nage: 3'],
  ['yaml', person, 'name:  Ann\nage: 3'],
  ['yaml', person, 'name: Ann\n age: 3'],
  ['yaml', person, 'age: 3\nname: Ann'],
  ['yaml', true, 'odd: 1'],
  ['yaml', true, `"${'k'.repeat(1_100)}": 1`],
  ['csv', FLAT[0], 'name,age,ok,id\na,b,,'],
  ['csv', FLAT[0], 'name,age,ok,id\na,1,'],
  ['csv', FLAT[0], 'name,age,ok,id\na,1,,,'],
  ['csv', FLAT[0], 'name,age,ok\na,1,'],
  ['csv', FLAT[0], 'name,age,ok,id\na"b,1,,'],
  ['csv', person, 'name,age,ok,id\na,1,,\nb,2,,'],
  ['xml', person, '<data><name>a<b</name><age>1</age></data>'],
  ['xml', person, '<data><name>a</name></data>'],
  ['xml', person, '<data><name>a</name><age>1</age></data> '],
  ['xml', person, '<data><name>a</name><name>b</name><age>1</age></data>'],
]

test.each(REFUSED)('%s of %j refuses %j', (format, schema, text) => {
  expect(readAs(format, schema, text)).toBeUndefined()
})

test('a schema without a table is refused for CSV by its place', () => {
  const nested = (schema: unknown) => () => spellingOf('csv', JSON.stringify(schema))
  expect(nested({ type: 'array', items: { type: 'object', properties: { a: { type: 'array' } } } })).toThrow(
    '#/items/properties/a',
  )
  expect(nested({ type: 'string' })).toThrow('has none at #')
  expect(nested(tree)).toThrow('#/properties/children')
})

test('a key that repeats the shortest one is completed to another', () => {
  const automaton = compileSchema({ type: 'object' })
  const text = '{"c":[],"c'
  const state = stateAfter(automaton, automaton.start, text)
  expect(Object.keys(JSON.parse(text + Buffer.from(automaton.completion(state))))).toHaveLength(2)
})
