import { beforeAll, describe, expect, test } from 'vitest'
import { DEAD } from '../../src/grammar/automaton.js'
import { allows, idsOf } from '../../src/grammar/mask.js'
import { MaskBuilder, maskOfIds } from '../../src/grammar/mask-builder.js'
import { advance, TokenMasks } from '../../src/grammar/masks.js'
import { compileSchema, type SchemaOptions } from '../../src/grammar/schema/index.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { createRandom } from '../../src/random.js'
import { tokenizerOf } from './tokenizers.js'

/** Schemas with words of all kinds, and a valid text of each. */
const CASES: readonly (readonly [string, object, unknown])[] = [
  ['a free string', { type: 'string' }, 'it\n\\"s" é'],
  ['a string of few characters', { type: 'string', minLength: 2, maxLength: 12 }, 'once "upon"'],
  ['a string of many characters', { type: 'string', maxLength: 900 }, 'once upon'],
  ['a pattern', { type: 'string', pattern: '^[a-z]+(-[a-z]+)*$' }, 'once-upon-a'],
  ['a pattern of few characters', { type: 'string', pattern: '^[a-z0-9.]*$', maxLength: 700 }, 'a.b0'],
  ['a pattern within', { type: 'string', pattern: 'up' }, 'once upon'],
  ['a format', { type: 'string', format: 'email' }, 'ann@ex-ample.org'],
  ['a format of few characters', { type: 'string', format: 'date', maxLength: 10 }, '2024-02-29'],
  ['listed strings', { enum: ['one', 'once', 'on "two"', 'ünder'] }, 'on "two"'],
  [
    'integers within limits',
    { type: 'array', items: { type: 'integer', minimum: -5, maximum: 1200 } },
    [7, -5, 120],
  ],
  ['numbers and words', { items: { enum: [1.5, true, null, false] } }, [1.5, null, true]],
  [
    'known names',
    {
      properties: { name: { type: 'string' }, names: {}, age: { type: 'integer' } },
      required: ['age'],
      additionalProperties: false,
    },
    { name: 'a', age: 1 },
  ],
  [
    'names and others',
    { properties: { on: { type: 'integer' }, once: { type: 'boolean' } }, required: ['on'] },
    { on: 1, once: true, one: 'x' },
  ],
  ['names that do not come', { properties: { on: false, once: {} } }, { once: 1, o: 2 }],
  [
    'names with quotation marks',
    { properties: { 'a"b': { type: 'integer' }, 'a\\': {} }, required: ['a"b'] },
    { 'a"b': 1, 'a\\': [] },
  ],
  [
    'names of a pattern',
    { patternProperties: { '^o': { type: 'integer' } }, properties: { a: {} }, additionalProperties: false },
    { a: 2, one: 1, o: 3 },
  ],
  [
    'names that patterns tell apart',
    { patternProperties: { '^o': { type: 'integer' }, e$: { minimum: 2 } } },
    { one: 3, o: 1, e: 'x' },
  ],
  [
    'names that came before',
    { additionalProperties: { type: 'integer' }, minProperties: 3 },
    { a: 1, an: 2, ann: 3 },
  ],
  [
    'items that differ',
    { uniqueItems: true, items: { type: ['string', 'object'] } },
    ['a', 'an', { a: 'a' }, { a: 'b' }],
  ],
  ['an implied name', { dependentRequired: { a: ['b'] }, properties: { a: {}, b: {} } }, { a: '', b: [] }],
  [
    'one of several',
    {
      oneOf: [
        { properties: { k: { const: 'on' } } },
        { properties: { k: { pattern: '^o' }, l: { type: 'null' } }, required: ['l'] },
      ],
    },
    { k: 'once', l: null },
  ],
]

const MODES: readonly SchemaOptions[] = [{}, { order: 'any', anySpelling: true, whitespace: 'python' }]

/** Text of a value as Python writes it. */
function pythonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}: ${pythonText(each)}`)
    .join(', ')}}`
}

describe.each(['built-in', 'gemma', 'gpt2'])('with a %s tokenizer', (kind) => {
  let tokens: GrammarTokens
  beforeAll(async () => {
    tokens = grammarTokens(await tokenizerOf(kind))
  })

  test.each(CASES)('masks of %s are those of each token read by itself', (_, schema, value) => {
    for (const mode of MODES) {
      const automaton = compileSchema(schema, mode)
      const masks = new TokenMasks(automaton, tokens)
      const { vocabulary } = tokens
      let state = automaton.start
      const text = Buffer.from(mode.whitespace === 'python' ? pythonText(value) : JSON.stringify(value))
      for (const [at, byte] of text.entries()) {
        const mask = masks.maskOf(state)
        const found = idsOf(mask)
        expect(mask.count).toBe(found.length)
        const expected: number[] = []
        for (let id = 0; id < vocabulary.size; id++)
          if (advance(automaton, vocabulary, state, id) !== DEAD) expected.push(id)
        expect([...found], text.subarray(0, at).toString()).toEqual(expected)
        state = automaton.next(state, byte)
        expect(state).not.toBe(DEAD)
      }
      expect(automaton.accepts(state)).toBe(true)
    }
  })
})

test('A language that schemas have in common is made once, and its masks with it', async () => {
  const tokens = grammarTokens(await tokenizerOf('built-in'))
  const schemas = ['a', 'b'].map((name) => ({
    properties: { [name]: { format: 'date-time' } },
    required: [name],
  }))
  const visits = schemas.map((schema, i) => {
    const automaton = compileSchema(schema)
    const masks = new TokenMasks(automaton, tokens)
    const before = tokens.lexemeMasks.visited
    let state = automaton.start
    for (const byte of Buffer.from(`{"${'ab'[i]}":"2024-02-29T12`)) {
      masks.maskOf(state)
      state = automaton.next(state, byte)
    }
    return tokens.lexemeMasks.visited - before
  })
  expect(visits[0]).toBeGreaterThan(100)
  expect(visits[1]).toBeLessThan(visits[0] / 4)
})

test('A builder of masks adds and takes away, as a list and as bits', () => {
  const random = createRandom(3)
  const size = 1_000
  const below = (count: number) => Math.floor(random() * count)
  const builder = new MaskBuilder(size)
  for (let i = 0; i < 300; i++) {
    const expected = new Set<number>()
    const steps = below(40)
    for (let step = 0; step < steps; step++) {
      const ids = Array.from({ length: below(step % 7 === 6 ? 400 : 6) }, () => below(size))
      const unique = [...new Set(ids)]
      if (random() < 0.3) {
        for (const id of ids) builder.remove(id)
        for (const id of ids) expected.delete(id)
      } else if (random() < 0.5) {
        builder.addMask(maskOfIds(unique, size))
        for (const id of ids) expected.add(id)
      } else
        for (const id of ids) {
          builder.add(id)
          expected.add(id)
        }
    }
    const mask = builder.finish()
    expect([...idsOf(mask)]).toEqual([...expected].sort((a, b) => a - b))
    expect(mask.count).toBe(expected.size)
    for (const id of expected) expect(allows(mask, id)).toBe(true)
  }
})
