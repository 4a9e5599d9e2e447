import { expect, test } from 'vitest'
import { DEAD } from '../../src/grammar/automaton.js'
import { Grammar } from '../../src/grammar/grammar.js'
import { idsOf } from '../../src/grammar/mask.js'
import { compileSchema } from '../../src/grammar/schema/index.js'
import { grammarTokens } from '../../src/grammar/tokens.js'
import { createRandom } from '../../src/random.js'
import { OneText } from './languages.js'
import { tokenizerOf } from './tokenizers.js'

test.each([
  { type: 'object', patternProperties: { '^[a-z]{3,8}$': { type: 'integer' } }, additionalProperties: false },
  { type: 'object', minProperties: 3, maxProperties: 5 },
  { type: 'object', minProperties: 1, patternProperties: { 'x|z': { multipleOf: 2 } } },
  { type: 'object', patternProperties: { a: { const: { b: 6 } } } },
  { type: 'object', not: { patternProperties: { a: { type: 'number' } } } },
  { type: 'object', not: { patternProperties: { a: { not: { type: 'string' } } } } },
])('Texts of %j that have little room come to their end, and take few states', async (schema) => {
  const tokens = grammarTokens(await tokenizerOf('built-in'))
  const automaton = compileSchema(schema)
  const grammar = new Grammar(automaton, tokens)
  const random = createRandom(4)
  for (let extra = 0; extra < 20; extra++) {
    let state = grammar.start
    let room = grammar.shortest(state) + extra
    for (; room > 0; room--) {
      const ids = idsOf(grammar.maskOf(state, room))
      const token = ids[Math.floor(random() * ids.length)]
      if (tokens.ends.includes(token)) break
      state = grammar.advance(state, token)
      expect(state).not.toBe(DEAD)
    }
    expect(automaton.accepts(state)).toBe(true)
  }
  expect(automaton.size).toBeLessThan(20_000)
})

test('Items that differ and are among many take no state for each', async () => {
  const tokens = grammarTokens(await tokenizerOf('built-in'))
  const items = { type: 'string', maxLength: 8 }
  const automaton = compileSchema({ type: 'array', items, minItems: 2, maxItems: 3, uniqueItems: true })
  const grammar = new Grammar(automaton, tokens)
  let state = grammar.start
  for (const byte of Buffer.from('["one","two')) {
    grammar.maskOf(state, 1_000)
    state = automaton.next(state, byte)
  }
  expect(automaton.next(automaton.next(state, 0x22), 0x5d)).not.toBe(DEAD)
  expect(automaton.size).toBeLessThan(2_000)
})

test('A token that ends texts is no way to the end of a language that goes on after it', async () => {
  const tokens = grammarTokens(await tokenizerOf('built-in'))
  const [end] = tokens.ends
  const shortest = (parts: readonly (string | number)[]) => {
    const automaton = new OneText(parts)
    return new Grammar(automaton, tokens).shortest(automaton.start)
  }
  expect(shortest(['b', end])).toBe(2)
  expect(shortest(['b', end, 'a'])).toBe(Infinity)
})
