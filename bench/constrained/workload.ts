import type { GenerationConfig } from '../../src/config/index.js'

type Schema = Readonly<Record<string, unknown>>
type Settings = Pick<GenerationConfig, 'schema' | 'regex' | 'choices'>

/** Settings that hold a text to a language, by a name. */
export type Workload = Readonly<Record<string, Settings>>

const text = { type: 'string' }
const word = { type: 'string', maxLength: 16 }
const flag = { type: 'boolean' }
const count = { type: 'integer', minimum: 0, maximum: 100 }

/** An object that has all of its fields and no others. */
function closed(properties: Record<string, unknown>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

const person = closed({ name: word, age: count })
const address = closed({
  street: word,
  house_number: count,
  city: word,
  postal_code: { pattern: '^\\d{5}$' },
})

const SCHEMAS: Readonly<Record<string, Schema>> = {
  person,
  address,
  'one field': closed({ answer: word }),
  'a free text': closed({ title: word, summary: { type: 'string', maxLength: 80 } }),
  'many fields': closed({
    first_name: word,
    last_name: word,
    email: { type: 'string', format: 'email' },
    telephone: { pattern: '^\\+\\d{6,12}$' },
    is_member: flag,
    age: count,
    country: { enum: ['France', 'Germany', 'Italy', 'Spain'] },
    favourite_colour: { enum: ['red', 'green', 'blue', 'yellow'] },
  }),
  'long names': closed({
    customer_identification_number: count,
    preferred_delivery_address: word,
    expected_delivery_date: { type: 'string', format: 'date' },
    is_express_delivery_requested: flag,
  }),
  sentiment: closed({ sentiment: { enum: ['positive', 'negative', 'neutral'] }, confidence: count }),
  'enums alone': closed({
    size: { enum: ['small', 'medium', 'large'] },
    shape: { enum: ['round', 'square', 'triangular'] },
    material: { enum: ['wood', 'metal', 'glass', 'paper'] },
  }),
  constants: closed({ version: { const: 2 }, kind: { const: 'observation' }, value: count }),
  flags: closed({ is_alive: flag, can_fly: flag, can_swim: flag, has_feathers: flag, has_fur: flag }),
  'a list of texts': { type: 'array', items: word, minItems: 2, maxItems: 5 },
  'a list of numbers': closed({ measurements: { type: 'array', items: count, minItems: 3, maxItems: 8 } }),
  'a list of objects': closed({ people: { type: 'array', items: person, minItems: 2, maxItems: 3 } }),
  'a set of labels': closed({
    labels: {
      type: 'array',
      items: { enum: ['animal', 'plant', 'house', 'food', 'toy'] },
      uniqueItems: true,
      minItems: 1,
    },
  }),
  'a pair': { type: 'array', prefixItems: [word, count], items: false, minItems: 2 },
  'a matrix': {
    type: 'array',
    items: { type: 'array', items: { enum: [0, 1] }, minItems: 3, maxItems: 3 },
    minItems: 3,
    maxItems: 3,
  },
  nested: closed({ customer: closed({ person, address }), order: closed({ item: word, quantity: count }) }),
  'nested deeply': closed({ a: closed({ b: closed({ c: closed({ d: closed({ value: count }) }) }) }) }),
  'numbers with bounds': closed({
    temperature: { type: 'number', minimum: -40, maximum: 60 },
    humidity: { type: 'number', minimum: 0, maximum: 1 },
    pressure: { type: 'integer', minimum: 900, maximum: 1100 },
  }),
  'multiples of a step': closed({ price: { type: 'number', minimum: 0, maximum: 500, multipleOf: 0.25 } }),
  'a date': closed({ event: word, date: { type: 'string', format: 'date' } }),
  'times and addresses': closed({
    id: { type: 'string', format: 'uuid' },
    created_at: { type: 'string', format: 'date-time' },
    host: { type: 'string', format: 'ipv4' },
  }),
  patterns: closed({
    plate: { pattern: '^[A-Z]{2}-\\d{3}-[A-Z]{2}$' },
    colour: { pattern: '^#[0-9a-f]{6}$' },
    version: { pattern: '^v\\d+\\.\\d+\\.\\d+$' },
  }),
  'optional fields': closed({ name: word, nickname: word, age: count, city: word }, [
    'nickname',
    'age',
    'city',
  ]),
  'null or a value': closed({ name: word, parent: { anyOf: [person, { type: 'null' }] } }),
  'a union by kind': {
    oneOf: [
      closed({ kind: { const: 'circle' }, radius: count }),
      closed({ kind: { const: 'rectangle' }, width: count, height: count }),
      closed({
        kind: { const: 'triangle' },
        sides: { type: 'array', items: count, minItems: 3, maxItems: 3 },
      }),
    ],
  },
  'a condition': {
    ...closed({ is_animal: flag, legs: count, leaves: count }, ['legs', 'leaves']),
    if: { properties: { is_animal: { const: true } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['legs'] },
    else: { required: ['leaves'] },
  },
  'a tree': {
    $ref: '#/$defs/node',
    $defs: {
      node: closed({ name: word, children: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: 2 } }),
    },
  },
  'a map': {
    type: 'object',
    patternProperties: { '^[a-z]{3,8}$': count },
    additionalProperties: false,
    minProperties: 2,
    maxProperties: 4,
  },
  'a call of a function': closed({
    name: { const: 'search_library_catalogue' },
    arguments: closed({ author: word, maximum_number_of_results: count, language: { enum: ['en', 'fr'] } }),
  }),
}

/** JSON schemas in which names, constants and brackets are forced. */
export const FORCED: Readonly<Record<string, { readonly schema: Schema }>> = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, { schema }]),
)

/** Languages in which hardly anything is forced. */
export const FREE: Workload = {
  'a string': { schema: { type: 'string', maxLength: 120 } },
  'any value': { schema: { anyOf: [text, { type: 'array', items: text, minItems: 4 }] } },
  numbers: { schema: { type: 'array', items: { type: 'integer' }, minItems: 12, maxItems: 24 } },
  'an open object': { schema: { type: 'object', minProperties: 3, maxProperties: 5 } },
  'a sentence': { regex: '[A-Z][a-z ,]{40,120}[.]' },
  'numbers with commas': { regex: '\\d{1,3}(,\\d{1,3}){10,20}' },
  'lines of words': { regex: '([a-z]{2,10}( [a-z]{2,10}){2,6}\\n){3,5}' },
  'a choice': { choices: ['yes', 'no', 'perhaps'] },
}

export const PROMPTS: readonly string[] = [
  'Once upon a time there was a little girl who had a red ball.',
  'Tom and Lily went to the park with their dog.',
  'The old man lived in a house by the sea.',
  'Describe the person that you would like to meet.',
  'Order three books about birds for a friend in Berlin.',
  'One day a bird found a shiny stone in the garden.',
  'It was raining, and the children stayed at home.',
  'Tell me about the weather in your town.',
  'Mum said that dinner was ready, but Ben was not hungry.',
  'Give an example.',
]
