import { beforeAll, describe, expect, test } from 'vitest'
import { type Automaton, DEAD } from '../../src/grammar/automaton.js'
import { idsOfBits } from '../../src/grammar/bits.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { allows, applyMask, type TokenMask } from '../../src/grammar/mask.js'
import { advance, TokenMasks } from '../../src/grammar/masks.js'
import { ByteSet } from '../../src/grammar/regex/byte-set.js'
import { Regexes } from '../../src/grammar/regex/nodes.js'
import type { Regex } from '../../src/grammar/regex/regex.js'
import { RegexAutomaton } from '../../src/grammar/regex/regex-automaton.js'
import { compileSchema } from '../../src/grammar/schema/index.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { TOKEN_KIND } from '../../src/grammar/vocabulary.js'
import { createRandom } from '../../src/random.js'
import { allowedIds, Brackets, OneText, stateAfter } from './languages.js'
import { tokenizerOf } from './tokenizers.js'

const idsOf = (mask: TokenMask) => [...('ids' in mask ? mask.ids : idsOfBits(mask.bits, mask.count))]

const FREE = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x10ffff],
] as const

/** A string of JSON in quotes, of so many characters or escapes. */
function jsonString(regexes: Regexes, least: number, most: number): Regex {
  const escaped = regexes.concat([regexes.literal('\\'), regexes.bytes(ByteSet.of(Buffer.from('"\\/bfnrt')))])
  const character = regexes.or([regexes.characters(FREE), escaped])
  return regexes.concat([regexes.literal('"'), regexes.repeat(character, least, most), regexes.literal('"')])
}

function automatonOf(language: (regexes: Regexes) => Regex): RegexAutomaton {
  const regexes = new Regexes()
  return new RegexAutomaton(regexes, language(regexes))
}

/** A language that tells also that no more free text may follow. */
function telling(automaton: Automaton): Automaton {
  return {
    start: automaton.start,
    next: (state, symbol) => automaton.next(state, symbol),
    accepts: (state) => automaton.accepts(state),
    freeText: (state) => automaton.freeText(state),
    freeTextIsAll: (state) => Number.isFinite(automaton.freeText(state)),
    controls: () => [],
    completion: (state) => automaton.completion(state),
  }
}

const languages: Readonly<Record<string, () => Automaton>> = {
  'brackets of any depth': () => new Brackets(),
  'a free string': () => automatonOf((regexes) => jsonString(regexes, 0, Infinity)),
  'a string of at most 25 characters': () => automatonOf((regexes) => jsonString(regexes, 0, 25)),
  'a string of at most 12 characters, which says so': () =>
    telling(automatonOf((regexes) => jsonString(regexes, 0, 12))),
  'a list of numbers': () =>
    automatonOf((regexes) => {
      const digits = regexes.repeat(regexes.bytes(ByteSet.ranges([0x30, 0x39])), 1, Infinity)
      const item = regexes.concat([digits, regexes.or([regexes.literal(','), regexes.literal(', ')])])
      return regexes.concat([
        regexes.literal('['),
        regexes.repeat(item, 0, Infinity),
        digits,
        regexes.literal(']'),
      ])
    }),
  'no text with a quotation mark': () =>
    automatonOf((regexes) => {
      const any = regexes.repeat(regexes.characters([[0, 0x10ffff]]), 0, Infinity)
      return regexes.and([any, regexes.not(regexes.concat([any, regexes.literal('"'), any]))])
    }),
  nothing: () => automatonOf((regexes) => regexes.empty),
}

describe.each(['built-in', 'gemma', 'gpt2', 'GGUF stories260K'])('masks with a %s tokenizer', (kind) => {
  let tokens: GrammarTokens
  beforeAll(async () => {
    tokens = grammarTokens(await tokenizerOf(kind), { ends: [1, 2] })
  })

  test.each(Object.keys(languages))('allow what is tried byte by byte: %s', (name) => {
    const automaton = languages[name]()
    const masks = new TokenMasks(automaton, tokens)
    const random = createRandom(7)
    const [first] = new TextEncoder().encode('"')
    for (let walk = 0; walk < 4; walk++) {
      // A walk of allowed tokens, and one byte of a character that the next mask begins in.
      let state = walk < 3 ? automaton.start : stateAfter(automaton, automaton.start, [first, 0xe6] as never)
      for (let step = 0; step < 8 && state !== DEAD; step++) {
        const mask = masks.maskOf(state)
        const allowed = allowedIds(automaton, tokens, state)
        expect(idsOf(mask)).toEqual(allowed)
        expect(mask.count).toBe(allowed.length)
        const text = allowed.filter((id) => tokens.vocabulary.kinds[id] === TOKEN_KIND.text)
        if (text.length === 0) break
        const token = text[Math.floor(random() * text.length)]
        state = advance(automaton, tokens.vocabulary, state, token)
        expect(state).not.toBe(DEAD)
      }
    }
  })
})

/** Tokens of these texts, of which the last ones are control tokens. */
function tokensOf(
  texts: readonly (string | readonly number[])[],
  { special = 0, ends = [] as number[], size = texts.length } = {},
) {
  const source = {
    vocabSize: texts.length,
    specialIds: new Set(Array.from({ length: special }, (_, i) => texts.length - 1 - i)),
    eosTokenIds: ends,
    tokenBytes: (id: number) => Uint8Array.from(Buffer.from(texts[id] as string)),
  }
  return grammarTokens(source, { size })
}

describe('a mask', () => {
  const masksOf = (automaton: Automaton, tokens: GrammarTokens, options = {}) =>
    new TokenMasks(automaton, tokens, options)

  test('allows all ids with the same bytes, all that end the text once it may end, and none that only pads the logits', () => {
    const tokens = tokensOf(['a', 'b', 'a', 'ab', 'a', '<end>', '<eot>'], {
      special: 2,
      ends: [5, 6],
      size: 40,
    })
    const masks = masksOf(new OneText(['ab']), tokens)
    expect(idsOf(masks.maskOf(1))).toEqual([0, 2, 3, 4])
    expect(idsOf(masks.maskOf(2))).toEqual([1])
    expect(idsOf(masks.maskOf(3))).toEqual([5, 6])
    for (const id of [7, 39, 40, 5_000]) expect(allows(masks.maskOf(3), id)).toBe(false)
  })

  test.each([
    { uniqueItems: true, maxItems: 4 },
    { type: 'array', uniqueItems: true, items: { enum: ['a', 'aa', '', 1] } },
    {
      type: 'array',
      uniqueItems: true,
      items: { type: 'object', additionalProperties: { type: 'integer' } },
    },
    { patternProperties: { '^a': { type: ['array', 'string'], uniqueItems: true } } },
  ])('has no token that repeats a name or an item, before or within itself: %j', (schema) => {
    const texts = [
      '"',
      'a',
      ',',
      '{',
      '}',
      '[',
      ']',
      ':',
      '1',
      '"a"',
      '","',
      '","a"',
      '","a","a"',
      '":1,"',
      '{"a":1,"a":1}',
    ]
    const others = [
      '1,1',
      '1,1,',
      '{},{}',
      '},{',
      '},{}',
      '],[]',
      '":1},{"',
      '":1},{"a":1}',
      '"],["a"]',
      '"","",',
      '":1,"":1',
    ]
    const tokens = tokensOf([...texts, ...others, '<end>'], {
      special: 1,
      ends: [texts.length + others.length],
    })
    const automaton = compileSchema(schema)
    const masks = masksOf(automaton, tokens)
    const random = createRandom(3)
    for (let walk = 0; walk < 60; walk++) {
      let state = automaton.start
      for (let step = 0; step < 12 && state !== DEAD; step++) {
        const allowed = allowedIds(automaton, tokens, state)
        expect(idsOf(masks.maskOf(state))).toEqual(allowed)
        state = advance(automaton, tokens.vocabulary, state, allowed[Math.floor(random() * allowed.length)])
      }
    }
  })

  test('allows control tokens by their ids alone, and never as text', () => {
    const tokens = tokensOf(['a', '<', 'x', '>', '<x>'], { special: 1, ends: [4] })
    const spelled = new OneText(['<x>'])
    expect(idsOf(masksOf(spelled, tokens).maskOf(1))).toEqual([1])
    expect(advance(spelled, tokens.vocabulary, 1, 4)).toBe(DEAD)
    const within = tokensOf(['a', '<', 'x', '>', '<x>', '</s>'], { special: 2, ends: [5] })
    const marked = new OneText(['a', 4, 'a'])
    const masks = masksOf(marked, within)
    expect([1, 2, 3, 4].map((state) => idsOf(masks.maskOf(state)))).toEqual([[0], [4], [0], [5]])
    expect(advance(marked, within.vocabulary, 2, 4)).toBe(3)
    expect(advance(marked, within.vocabulary, 2, 0)).toBe(DEAD)
    // What ends the text changes nothing in it.
    expect(advance(marked, within.vocabulary, 4, 5)).toBe(4)
    expect(advance(marked, within.vocabulary, 4, 99)).toBe(DEAD)
    // A control token that the tokenizer lacks is none.
    expect(idsOf(masksOf(new OneText([77]), tokens).maskOf(1))).toEqual([])
  })

  test('allows a token that ends the text where the language ends with it, and not in its middle', () => {
    const tokens = tokensOf(['a', '</s>'], { special: 1, ends: [1] })
    const ended = new OneText(['a', 1])
    expect([1, 2].map((state) => idsOf(masksOf(ended, tokens).maskOf(state)))).toEqual([[0], [1]])
    expect(advance(ended, tokens.vocabulary, 2, 1)).toBe(3)
    const within = new OneText(['a', 1, 'a'])
    expect(idsOf(masksOf(within, tokens).maskOf(2))).toEqual([])
    expect(advance(within, tokens.vocabulary, 2, 1)).toBe(DEAD)
  })

  test('of free text is found without a walk of all tokens', async () => {
    const tokens = grammarTokens(await tokenizerOf('built-in'))
    const automaton = languages['a free string']()
    const masks = masksOf(automaton, tokens)
    expect(masks.maskOf(stateAfter(automaton, automaton.start, '"')).count).toBeGreaterThan(3_500)
    expect(masks.visited).toBeLessThan(tokens.trie.bytes.length / 10)
  })

  test('is kept for its state, up to a number of bytes', () => {
    const tokens = tokensOf(['a', 'b'])
    const masks = masksOf(new OneText(['ab'.repeat(50)]), tokens, { cacheBytes: 10_000 })
    for (let turn = 0; turn < 2; turn++) for (let state = 1; state <= 10; state++) masks.maskOf(state)
    expect([masks.hits, masks.misses]).toEqual([10, 10])
    const first = masks.maskOf(1)
    // The one that is asked for again and again stays, the others make room.
    for (let state = 11; state <= 100; state++) {
      masks.maskOf(state)
      expect(masks.maskOf(1)).toBe(first)
    }
    const { misses } = masks
    masks.maskOf(2)
    expect(masks.misses).toBe(misses + 1)
  })

  test('that takes more steps than are allowed is refused, be they its own or those of the automaton', async () => {
    const tokens = grammarTokens(await tokenizerOf('built-in'))
    const walked = languages['no text with a quotation mark']()
    expect(() => masksOf(walked, tokens, { fuel: 100 }).maskOf(walked.start)).toThrow(GrammarLimitError)
    expect(() => masksOf(walked, tokens, { fuel: 100 }).maskOf(walked.start)).toThrow(/more than 100 steps/)
    const { start, next, accepts, freeText, controls, completion } = new Brackets()
    let steps = 0
    const slow: Automaton = {
      start,
      accepts,
      freeText,
      controls,
      completion,
      next: (state, symbol) => {
        steps += 100
        return next(state, symbol) || state
      },
      get steps() {
        return steps
      },
    }
    expect(() => masksOf(slow, tokens).maskOf(1)).not.toThrow()
    expect(() => masksOf(slow, tokens, { fuel: 500_000 }).maskOf(1)).toThrow(GrammarLimitError)
  })
})

describe('a mask applied', () => {
  const size = 200
  const sets: Readonly<Record<string, (id: number) => boolean>> = {
    'few ids': (id) => id % 70 === 3,
    'some ids': (id) => id % 5 === 0,
    'most ids': (id) => id % 9 !== 4,
    'a block of ids': (id) => id >= 32 && id < 97,
    'no id': () => false,
  }

  test.each(Object.keys(sets))('leaves the scores of %s alone, and no others', (name) => {
    const ids = Array.from({ length: size }, (_, id) => id).filter(sets[name])
    const bits = new Int32Array(Math.ceil(size / 32))
    for (const id of ids) bits[id >> 5] |= 1 << (id & 31)
    const forms: TokenMask[] = [
      { ids: Int32Array.from(ids), count: ids.length },
      { bits, count: ids.length },
    ]
    for (const length of [size, size + 30, size + 57]) {
      const logits = Float32Array.from({ length }, (_, id) => id - 50)
      const expected = logits.map((score, id) => (ids.includes(id) ? score : -Infinity))
      for (const mask of forms) {
        const applied = logits.slice()
        applyMask(applied, mask)
        expect(applied).toEqual(expected)
        expect(Array.from({ length }, (_, id) => id).filter((id) => allows(mask, id))).toEqual(ids)
      }
    }
  })
})
