import { beforeAll, expect, test } from 'vitest'
import type { TokenMask } from '../../src/grammar/mask.js'
import { TokenMasks } from '../../src/grammar/masks.js'
import { compileSchema, SchemaError, type SchemaOptions, validate } from '../../src/grammar/schema/index.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { createRandom } from '../../src/random.js'
import { type Judged, MaskOracle } from './mask-oracle.js'
import { Draws } from './schema/random-schema.js'
import { holds } from './schema/reference.js'
import { tokenizerOf } from './tokenizers.js'

let tokens: GrammarTokens
beforeAll(async () => {
  tokens = grammarTokens(await tokenizerOf('built-in'))
})

const MODES: Readonly<Record<string, SchemaOptions>> = {
  'as they are written': {},
  'as they are read': { order: 'any', anySpelling: true, whitespace: 'python' },
}

test.each(Object.keys(MODES))('Masks of random schemas keep what they promise, %s', (mode) => {
  const draws = new Draws(11)
  const oracle = new MaskOracle(tokens, createRandom(5))
  for (let i = 0; i < 80; i++) {
    const schema = draws.schema(2)
    const values = draws.list(10, 10, () => JSON.stringify(draws.value(2)))
    const faults = oracle.faults.length
    try {
      const automaton = compileSchema(JSON.stringify(schema), MODES[mode])
      const judge = (text: string) => holds(schema, JSON.parse(text))
      const judged = { automaton, masks: new TokenMasks(automaton, tokens), judge }
      const valid = values.filter((text) => validate(automaton, text))
      oracle.states(judged, valid, 4)
      for (const text of valid) oracle.pieces(judged, text)
      oracle.room(judged)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
    }
    expect(oracle.faults.slice(faults), JSON.stringify(schema)).toEqual([])
  }
  const { states, completed, unknown, texts, pieces, held } = oracle.counts
  expect(states).toBeGreaterThan(200)
  expect(completed).toBeGreaterThan(2_000)
  expect(unknown).toBeLessThan(completed / 100)
  expect(texts).toBeGreaterThan(60)
  expect(pieces).toBeGreaterThan(300)
  expect(held).toBeGreaterThan(50)
})

/** What the oracle finds of masks that were changed, by kind. */
function found(change: (mask: TokenMask) => TokenMask, judge: Judged['judge'] = () => true): string[] {
  const automaton = compileSchema(
    '{"type":"object","properties":{"ab":{"type":"integer"}},"required":["ab"]}',
  )
  const masks = new TokenMasks(automaton, tokens)
  const maskOf = masks.maskOf.bind(masks)
  masks.maskOf = (state) => change(maskOf(state))
  const oracle = new MaskOracle(tokens, createRandom(3))
  oracle.states({ automaton, masks, judge }, ['{"ab":12}'], 20)
  for (let i = 0; i < 20; i++) oracle.pieces({ automaton, masks, judge }, '{"ab":12}')
  return [...new Set(oracle.faults.map(({ kind }) => kind))].sort()
}

test('Masks that are wrong are found', () => {
  const all = new Int32Array(Math.ceil(tokens.vocabulary.size / 32)).fill(-1)
  const none = { ids: new Int32Array(), count: 0 }
  expect(found((mask) => mask)).toEqual([])
  expect(found(() => ({ bits: all, count: tokens.vocabulary.size }))).toEqual(['allowed, but dead'])
  expect(found(() => none)).toEqual(['no end', 'not allowed'])
  expect(
    found((mask) =>
      'ids' in mask && mask.count > 1 ? { ids: mask.ids.slice(1), count: mask.count - 1 } : mask,
    ),
  ).toContain('not allowed')
  expect(
    found(
      (mask) => mask,
      (text) => text.length < 12,
    ),
  ).toEqual(['completed to a value that is not valid'])
})
