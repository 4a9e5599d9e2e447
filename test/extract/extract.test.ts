import { expect, describe as suite, test } from 'vitest'
import { chunksOf } from '../../src/extract/chunks.js'
import { describe } from '../../src/extract/describe.js'
import { isKorNode, readKor } from '../../src/extract/kor.js'
import { mergeAll, mergeRecords } from '../../src/extract/merge.js'
import { codePointCount, placesOf, Quote, type QuotedRecord, withPlaces } from '../../src/extract/quotes.js'
import { documentRow, jsonRow, tableOf } from '../../src/extract/rows.js'
import { inOrder, nullable, outputSchema, quoting, readTask } from '../../src/extract/task.js'
import { compileSchema, validate } from '../../src/grammar/schema/index.js'

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length

suite('chunks', () => {
  const text = 'One two three. Four five six! Seven eight?\n\nNine ten eleven twelve. Thirteen.'
  test.each([
    [3, 0],
    [6, 3],
    [7, 4],
    [100, 10],
    [1, 0],
  ])('of %i tokens with %i repeated are pieces of the text, and leave nothing out', (most, overlap) => {
    const chunks = chunksOf(text, { most, overlap, count: words })
    let covered = 0
    for (const chunk of chunks) {
      expect(text.slice(chunk.start, chunk.start + chunk.text.length)).toBe(chunk.text)
      expect(chunk.start).toBeLessThanOrEqual(covered)
      expect(words(chunk.text)).toBeLessThanOrEqual(Math.max(most, 1))
      covered = chunk.start + chunk.text.length
    }
    expect(covered).toBe(text.length)
  })

  test('begin with the last sentences of the one before, and go on', () => {
    const starts = chunksOf(text, { most: 6, overlap: 3, count: words }).map((chunk) => chunk.text.trim())
    expect(starts).toEqual([
      'One two three. Four five six!',
      'Four five six! Seven eight?',
      'Seven eight?\n\nNine ten eleven twelve.',
      'Thirteen.',
    ])
  })

  test('cut long sentences between words, and words between characters', () => {
    const chunks = chunksOf('a'.repeat(10), { most: 4, overlap: 0, count: (each) => each.length })
    expect(chunks.map((chunk) => chunk.text)).toEqual(['aaaa', 'aaaa', 'aa'])
    const emoji = chunksOf('👩‍👩‍👧👩‍👩‍👧', { most: 2, overlap: 0, count: (each) => each.length })
    expect(emoji.map((chunk) => chunk.text)).toEqual(['👩‍👩‍👧', '👩‍👩‍👧'])
  })

  test('of a book are those of its sentences, wherever it is cut for reading', () => {
    const book = Array.from(
      { length: 4_000 },
      (_, i) => `Sentence ${i} has ${'very '.repeat(i % 40)}many words. `,
    ).join('')
    const chunks = chunksOf(book, { most: 60, overlap: 0, count: words })
    expect(chunks.map(({ text: part }) => part).join('')).toBe(book)
    for (const { text: part } of chunks) expect(part).toMatch(/^Sentence .*words\. $/s)
  })

  test('of an empty text there are none', () => {
    expect(chunksOf('', { most: 4, overlap: 0, count: words })).toEqual([])
  })
})

const KOR = {
  type: 'object',
  id: 'person',
  description: 'People',
  many: true,
  attributes: [
    { type: 'text', id: 'name', description: 'full name', examples: [['I am Ann.', 'Ann']] },
    { type: 'number', id: 'age', many: true, examples: [['Bo is 3.', 3]] },
    {
      type: 'selection',
      id: 'mood',
      options: [
        { id: 'glad', description: 'smiles', examples: ['hooray'] },
        { id: 'sad', examples: [] },
      ],
      null_examples: ['hm'],
    },
    { type: 'object', id: 'home', attributes: [{ type: 'bool', id: 'own' }] },
  ],
  examples: [['Cy, 4, glad.', { name: 'Cy', age: [4], mood: 'glad' }]],
}

suite('nodes of Kor', () => {
  test('become a schema, and examples of all nodes values of the root', () => {
    const { schema, isMany, examples } = readKor(KOR as never)
    expect(isMany).toBe(true)
    expect(schema).toMatchObject({
      required: ['name', 'age', 'mood', 'home'],
      properties: {
        name: { type: 'string', description: 'full name' },
        age: { type: 'array', items: { type: 'number' } },
        mood: { enum: ['glad', 'sad'], description: 'glad: smiles' },
        home: { properties: { own: { type: 'boolean' } } },
      },
    })
    expect(examples).toEqual([
      { text: 'Cy, 4, glad.', value: [{ name: 'Cy', age: [4], mood: 'glad' }] },
      { text: 'I am Ann.', value: [{ name: 'Ann' }] },
      { text: 'Bo is 3.', value: [{ age: [3] }] },
      { text: 'hooray', value: [{ mood: 'glad' }] },
      { text: 'hm', value: [{ mood: null }] },
    ])
  })

  test('give examples that their task accepts', () => {
    const task = readTask(KOR, false)
    const judge = compileSchema(JSON.stringify(outputSchema(task)))
    expect(task.examples).toHaveLength(5)
    for (const { value } of task.examples)
      expect(validate(judge, JSON.stringify(value)), JSON.stringify(value)).toBe(true)
  })

  test('a leaf is the only field of an object', () => {
    expect(readTask({ type: 'text', id: 'title' }, false).record).toMatchObject({ required: ['title'] })
  })

  test('are told from JSON schemas', () => {
    expect(isKorNode({ type: 'object', id: 'http://x', properties: {} })).toBe(false)
    expect(isKorNode({ type: 'number', id: 'http://x' })).toBe(false)
    expect(isKorNode(KOR)).toBe(true)
  })

  test.each([
    [
      { type: 'object', id: 'a', attributes: [{ type: 'word', id: 'b' }] },
      '#/attributes/0 has the type "word"',
    ],
    [{ type: 'object', id: 'a', attributes: [{ type: 'text', id: 'b c' }] }, 'has the id "b c"'],
    [{ type: 'object', id: 'a', attributes: [{ type: 'text', id: 'b', example: 1 }] }, 'the field "example"'],
    [{ type: 'object', id: 'a', attributes: [] }, 'has no attributes'],
    [{ type: 'selection', id: 'a', options: [] }, 'has no options'],
    [
      {
        type: 'object',
        id: 'a',
        attributes: [
          { type: 'text', id: 'b' },
          { type: 'text', id: 'b' },
        ],
      },
      'two attributes "b"',
    ],
    [{ type: 'text', id: 'a', examples: ['b'] }, 'no pair of a text and a value'],
  ])('%j is refused', (node, message) => {
    expect(() => readTask(node, false)).toThrow(message)
  })
})

const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'who' },
    age: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    kind: { enum: ['a', 'b'] },
    home: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
  required: ['name'],
  additionalProperties: false,
}

suite('a task', () => {
  test('is described in two ways', () => {
    expect(describe(nullable(SCHEMA), 'typescript')).toBe(
      [
        '{',
        '  name: string | null // who',
        '  age: number | null',
        '  tags: string[]',
        '  kind: "a" | "b" | null',
        '  home: {',
        '    city: string | null',
        '  } | null',
        '}',
      ].join('\n'),
    )
    expect(describe(SCHEMA, 'bullets')).toBe(
      [
        '- name (string): who',
        '- age (number)',
        '- tags (string[])',
        '- kind ("a" | "b")',
        '- home (object)',
        '  - city (string)',
      ].join('\n'),
    )
  })

  test('holds texts to pieces of a document', () => {
    const text = 'Ann Lee (b. 1970) lives in "New York"; she isn’t tall.'
    const judge = compileSchema(JSON.stringify(quoting(nullable(SCHEMA), text)))
    const accepts = (name: unknown) => validate(judge, JSON.stringify({ name, tags: ['tall'], kind: 'a' }))
    for (const name of [
      'Ann',
      'Ann Lee',
      '"New York"',
      'isn’t',
      'b. 1970',
      '(',
      null,
      'lives in "New York";',
    ])
      expect(accepts(name), String(name)).toBe(true)
    for (const name of ['An', 'Ann  Lee', '', ' Ann', 'ann', 'Lee Ann', '197', 'New York!', 'isn'])
      expect(accepts(name), name).toBe(false)
    expect(validate(judge, '{"name":null,"tags":["short"]}')).toBe(false)
  })

  test('of a list has many records', () => {
    expect(readTask({ type: 'array', items: SCHEMA }, false)).toMatchObject({ isMany: true, record: SCHEMA })
    expect(() => readTask({ type: 'string' }, false)).toThrow('has no fields')
    expect(() => readTask([], false)).toThrow('is no object')
  })

  test('has values in its own order', () => {
    const value = inOrder({ type: 'array', items: SCHEMA }, [{ kind: 'a', name: 'x' }])
    expect(JSON.stringify(value)).toBe('[{"name":"x","kind":"a"}]')
  })
})

suite('quotes', () => {
  test('have places in code points, each after the one before where there is one', () => {
    const text = '😀 Bo met Bo and Bo; Bob left.'
    const value = withPlaces({ a: 'Bo', b: 'Bo', c: 'Bob', d: 'Bo', e: 'none', f: 1 }, text, 0)
    const spans = placesOf(value)
    expect(spans).toEqual({ '/a': [2, 4], '/b': [2, 4], '/c': [20, 23], '/d': [2, 4] })
    for (const [pointer, [start, end]] of Object.entries(spans))
      expect([...text].slice(start, end).join('')).toBe(pointer === '/c' ? 'Bob' : 'Bo')
  })

  test('begin where their chunk begins', () => {
    expect(placesOf(withPlaces({ a: ['x', { 'b/c': 'y' }] }, 'x y', 10))).toEqual({
      '/a/0': [10, 11],
      '/a/1/b~1c': [12, 13],
    })
    expect(codePointCount('é😀')).toBe(2)
  })
})

suite('records', () => {
  const of = (...records: QuotedRecord[]) => records.map((record, chunk) => ({ record, chunk }))

  test('of one key are one: what is there first counts, lists are united, and differences are told', () => {
    const found = of(
      { name: 'Ann', age: null, tags: ['x'] },
      { name: 'Bo', age: 2, tags: [] },
      { name: ' ANN', age: 3, tags: ['X', 'y'] },
      { name: 'ann', age: 4, tags: [] },
    )
    expect(mergeRecords(found, ['name'])).toEqual([
      {
        record: { name: 'Ann', age: 3, tags: ['x', 'y'] },
        conflicts: [
          {
            field: '/age',
            values: [
              { value: 3, chunk: 0 },
              { value: 4, chunk: 3 },
            ],
          },
        ],
      },
      { record: { name: 'Bo', age: 2, tags: [] }, conflicts: [] },
    ])
  })

  test('without a key are one where all of them is the same', () => {
    const found = of({ name: 'Ａnn', age: 1 }, { name: 'ann', age: 1.0 }, { name: 'Ann', age: 2 })
    expect(mergeRecords(found, []).map(({ record }) => record)).toEqual([
      { name: 'Ａnn', age: 1 },
      { name: 'Ann', age: 2 },
    ])
    const unknown = of({ name: null, age: 1 }, { name: null, age: 2 })
    expect(mergeRecords(unknown, ['name'])).toHaveLength(2)
  })

  test('keep the places of what they keep', () => {
    const record = mergeAll(
      of({ a: new Quote('x', [0, 1]), b: null }, { a: new Quote('X', [5, 6]), b: new Quote('y', [7, 8]) }),
    ).record
    expect(placesOf(record)).toEqual({ '/a': [0, 1], '/b': [7, 8] })
  })
})

test('a document’s row has its records, places, and what failed', () => {
  const document = { id: 'd', text: '😀 Ann. Bo.', passed: { lang: 'en' } }
  const chunks = [
    { text: '😀 Ann. ', start: 0 },
    { text: 'Bo.', start: 8 },
  ]
  const results = [{ value: [{ name: 'Ann' }, { name: null }] }, { error: 'too long' }]
  const row = documentRow(document, chunks, results, { isMany: true, keys: [], hasSpans: true })
  expect(JSON.parse(jsonRow(row, true))).toEqual({
    id: 'd',
    lang: 'en',
    items: [{ name: 'Ann' }],
    spans: [{ '/name': [2, 5] }],
    chunks: 2,
    errors: [{ chunk: 1, error: 'too long' }],
  })
  expect(tableOf([row], ['name'])).toEqual([
    ['document', 'name'],
    ['d', 'Ann'],
  ])
})
