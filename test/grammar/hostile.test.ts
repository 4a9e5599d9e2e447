import { beforeAll, describe, expect, it } from 'vitest'
import { type Automaton, DEAD } from '../../src/grammar/automaton.js'
import { Grammar } from '../../src/grammar/grammar.js'
import { larkAutomaton } from '../../src/grammar/lark/lark.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { toUtf8 } from '../../src/grammar/regex/language.js'
import { REGEX_LIMITS, Regexes } from '../../src/grammar/regex/nodes.js'
import { parseRegex } from '../../src/grammar/regex/parse.js'
import { RegexAutomaton } from '../../src/grammar/regex/regex-automaton.js'
import { compileSchema, type SchemaOptions } from '../../src/grammar/schema/index.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { tokenizerOf } from './tokenizers.js'

let tokens: GrammarTokens

beforeAll(async () => {
  tokens = grammarTokens(await tokenizerOf('built-in'))
})

interface Language {
  readonly automaton: Automaton
  /** Whose steps count. */
  readonly regexes: Regexes
}

const ofRegex = (source: string) => (): Language => {
  const regexes = new Regexes()
  return { automaton: new RegexAutomaton(regexes, toUtf8(regexes, parseRegex(source))), regexes }
}
const ofSchema = (schema: unknown, options?: SchemaOptions) => (): Language => {
  const automaton = compileSchema(schema, options)
  return { automaton, regexes: automaton.frames.scalars.regexes }
}
const ofLark = (source: string) => (): Language => {
  const regexes = new Regexes()
  return { automaton: larkAutomaton(source, { regexes }), regexes }
}
const list = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i))
const named = <T>(count: number, make: (i: number) => readonly [string, T]) =>
  Object.fromEntries(list(count, make))

const counters = '(?=.*a.{200})(?=.*b.{180})(?=.*c.{190}).*'
const patterns = list(30, (i) => ({ pattern: `${String.fromCharCode(97 + (i % 26))}.{${i * 5}}x` }))
const required = {
  type: 'object',
  properties: named(300, (i) => [`p${i}`, { type: 'integer' }]),
  required: list(300, (i) => `p${i}`),
  additionalProperties: false,
}
const distinct = {
  type: 'array',
  items: { enum: list(300, (i) => `v${i}`) },
  uniqueItems: true,
  minItems: 300,
}
const doubled = {
  $ref: '#/$defs/d0',
  $defs: named(40, (i) => {
    const part = { $ref: `#/$defs/d${i + 1}` }
    const whole = { type: 'object', properties: { a: part, b: part }, required: ['a', 'b'] }
    return [`d${i}`, i < 39 ? whole : { type: 'null' }]
  }),
}
const references = (count: number) => ({
  $ref: '#/$defs/d0',
  $defs: named(count, (i) => [`d${i}`, i < count - 1 ? { $ref: `#/$defs/d${i + 1}` } : { type: 'null' }]),
})

/** Compiles a language, looks for its shortest text and for the masks of that; none takes more steps than there are for one. */
function use(make: () => Language, most: number): number {
  const { automaton, regexes } = make()
  const grammar = new Grammar(automaton, tokens)
  let steps = regexes.steps
  const inLimits = () => {
    expect(regexes.steps - steps).toBeLessThanOrEqual(REGEX_LIMITS.boundedSteps + 1_000)
    steps = regexes.steps
  }
  try {
    const shortest = grammar.shortest(grammar.start)
    let state = grammar.start
    for (let room = shortest + most; room > shortest && state !== DEAD; room--) {
      inLimits()
      const mask = grammar.maskOf(state, 10 * room)
      const [id] = 'ids' in mask ? mask.ids : [mask.bits.findIndex((word) => word !== 0) * 32 + 31]
      state = grammar.advance(state, id)
    }
    return shortest
  } finally {
    inLimits()
  }
}

describe('A hostile language', () => {
  it.each<[string, () => Language, string]>([
    ['counters behind look-aheads', ofRegex(counters), 'more than 600000 steps'],
    ['the same as a terminal', ofLark(`start: A\nA: /${counters}/`), 'more than 600000 steps'],
    ['many patterns of one string', ofSchema({ type: 'string', allOf: patterns }), 'more than 600000 steps'],
    ['many items that differ', ofSchema(distinct), 'more than 600000 steps'],
    ['a value that doubles 39 times', ofSchema(doubled), 'No short text that ends the JSON value'],
    [
      'left recursion through 20,000 rules',
      ofLark(`start: a0\n${list(20_000, (i) => `a${i}: a${i + 1} "x"`).join('\n')}\na20000: "y"`),
      'more than 500000 steps',
    ],
    [
      '5,000 references in a row',
      ofSchema(references(5_000)),
      'at #/$defs/d499: schemas of one value lead to each other more than 500 deep',
    ],
  ])('is refused in one sentence: %s', (_, make, sentence) => {
    expect(() => use(make, 8)).toThrow(sentence)
  })

  it.each<[string, () => Language, number]>([
    ['300 members that must come, in any order', ofSchema(required, { order: 'any' }), 300],
    ['499 references in a row', ofSchema(references(499)), 1],
    ['bounds of 300 digits', ofSchema({ multipleOf: 1e-7, minimum: -1e300, maximum: 1e300 }), 1],
  ])('is held in the steps of one mask each: %s', (_, make, shortest) => {
    expect(use(make, 3)).toBeGreaterThanOrEqual(shortest)
  })

  it('has limits that work inside of other work shares', () => {
    const regexes = new Regexes({ ...REGEX_LIMITS, steps: 80, boundedSteps: 100 })
    const inner = () => regexes.inLimits(() => regexes.charge(60))
    expect(() => regexes.inLimits(() => [inner(), inner()])).toThrow(GrammarLimitError)
    expect(() => [inner(), inner()]).not.toThrow()
  })
})

describe('A schema', () => {
  it('comes out the same whatever was compiled before it', () => {
    const schema = {
      properties: {
        a: { pattern: '^[a-f]{2,5}\\d$' },
        b: { minimum: 3, maximum: 400, type: 'integer' },
        c: { format: 'date-time' },
        d: { enum: ['é', 'f', 'g'] },
      },
      required: ['a', 'b', 'c', 'd'],
    }
    const others = [{ pattern: '^[a-f]+$' }, { enum: ['f', 'g', 'é', '\u{1f600}'] }, { format: 'date-time' }]
    for (const anySpelling of [false, true]) {
      const made = () => {
        const { automaton, regexes } = ofSchema(schema, { anySpelling })()
        const text = Buffer.from(automaton.completion(automaton.start)).toString()
        return [text, regexes.size, regexes.steps]
      }
      const first = made()
      for (const other of others) ofSchema(other, { anySpelling })().automaton.completion(1)
      expect(made()).toEqual(first)
    }
  })

  it('is refused for a pattern that cannot be enforced, also where it need not come', () => {
    const optional = (pattern: string) => ofSchema({ properties: { a: { pattern } } })
    expect(optional('(?:^a)*')).toThrow(/at #\/properties\/a\/pattern: .*repeats/)
    expect(optional('(?:a(?=b)){99}')).toThrow(/at #\/properties\/a\/pattern: .*repeats an assertion/)
    expect(optional('^a|b$')).not.toThrow()
  })
})
