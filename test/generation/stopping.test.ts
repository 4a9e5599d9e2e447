import { describe, expect, it } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import {
  anyOf,
  buildStoppingCriterion,
  eosToken,
  stopStringMatcher,
  timeReached,
} from '../../src/generation/stopping.js'
import { extend, prefixOf } from '../../src/model/prefix.js'

/** A toy tokenizer whose tokens are the given pieces of text. */
function textOf(pieces: string[]) {
  return {
    ids: pieces.map((_, i) => i),
    decode: (tokens: number[]) => tokens.map((id) => pieces[id]).join(''),
  }
}

function match(stops: string[], ...pieces: string[]) {
  const { ids, decode } = textOf(pieces)
  return stopStringMatcher(stops, decode)(prefixOf(ids))
}

describe('stop strings', () => {
  it('may be many', () => {
    const many = Array.from({ length: 200_000 }, (_, i) => `x${i}`)
    expect(match([...many, 'stop'], 'st', 'op')?.stopString).toBe('stop')
  })

  // The examples of HF's StopStringCriteria.
  it.each([
    [['st', 'op']],
    [['stop']],
    [['st', 'opera']],
    [['sto', 'pper']],
    [['las', 'topper']],
    [['s', 'to', 'pped']],
  ])('%j ends with a token that completes "stop"', (pieces) => {
    expect(match(['stop'], ...pieces)).toBeDefined()
  })

  it.each([[['stop', 'at']], [['st', 'op', 'at']], [['st', 'opera', 'tion']], [['sto']], [['st', 'pop']]])(
    '%j does not',
    (pieces) => {
      expect(match(['stop'], ...pieces)).toBeUndefined()
    },
  )

  it('says where to cut the text', () => {
    const text = 'I will stopper it'
    const found = match(['stop', 'will'], 'I will ', 'sto', 'pper it')!
    expect(found.stopString).toBe('stop')
    expect(text.slice(0, -found.startFromEnd)).toBe('I will ')
    expect(text.slice(0, -found.endFromEnd)).toBe('I will stop')
  })

  it('takes the one that begins first', () => {
    expect(match(['b', 'ab'], 'x', 'ab')?.stopString).toBe('ab')
    expect(match(['ab', 'b'], 'xb', 'ab')?.startFromEnd).toBe(2)
  })

  it('finds a character whose bytes are spread over tokens', () => {
    const bytes = [...Buffer.from('né')]
    const decode = (tokens: number[]) => Buffer.from(tokens).toString('utf8')
    const matcher = stopStringMatcher(['é'], decode)
    expect(matcher(prefixOf(bytes.slice(0, 2)))).toBeUndefined()
    expect(matcher(prefixOf(bytes))).toEqual({ stopString: 'é', startFromEnd: 1, endFromEnd: 0 })
  })

  it('looks only at as many tokens as a stop string can have', () => {
    const longest: number[] = []
    const matcher = stopStringMatcher(['abc'], (tokens) => {
      longest.push(tokens.length)
      return 'x'.repeat(tokens.length)
    })
    matcher(prefixOf(new Array(1000).fill(0)))
    expect(Math.max(...longest)).toBeLessThanOrEqual(4)
  })

  it('equals a search of the whole text, for random pieces', () => {
    let state = 1
    const random = (n: number) => {
      state = (state * 48271) % 2147483647
      return state % n
    }
    const word = () => Array.from({ length: 1 + random(3) }, () => 'ab'[random(2)]).join('')
    let hits = 0
    for (let round = 0; round < 500; round++) {
      const pieces = Array.from({ length: 8 }, word)
      const stop = word() + word()
      const [before, text] = [pieces.slice(0, -1).join(''), pieces.join('')]
      const ends = Array.from(text, (_, at) => at).filter(
        (at) => text.startsWith(stop, at) && at + stop.length > before.length,
      )
      const found = match([stop], ...pieces)
      expect(found?.startFromEnd).toBe(ends.length > 0 ? text.length - ends[0] : undefined)
      hits += ends.length > 0 ? 1 : 0
    }
    expect(hits).toBeGreaterThan(50)
  })
})

describe('criteria', () => {
  const configure = (values: Record<string, unknown>) =>
    resolveGenerationConfig({ values, origin: 'the test' }).config

  it('ends with any of the end-of-sequence tokens, also at the length limit', () => {
    const criterion = buildStoppingCriterion(configure({}), { maxLength: 3, eosTokenIds: [7, 9] })
    expect(
      [
        [1, 2],
        [1, 9],
        [1, 2, 3],
        [1, 2, 7],
      ].map((ids) => criterion(prefixOf(ids))),
    ).toEqual([undefined, 'eos', 'length', 'eos'])
  })

  it('ends when more than max_time has passed since it was built', () => {
    let now = 5_000
    const criterion = buildStoppingCriterion(configure({ max_time: 1.5 }), {
      maxLength: 100,
      eosTokenIds: [],
      now: () => now,
    })
    const prefix = prefixOf([1])
    now = 6_500
    expect(criterion(prefix)).toBeUndefined()
    now = 6_501
    expect(criterion(prefix)).toBe('time')
    expect(timeReached(0.001, () => now++)(prefix)).toBeUndefined()
  })

  it('ends where a function of the user says so', () => {
    const criterion = buildStoppingCriterion(configure({}), {
      maxLength: 100,
      eosTokenIds: [],
      userCriteria: [({ length, token }) => (length > 2 && token === 4 ? 'custom' : undefined)],
    })
    const prefix = prefixOf([1, 4])
    expect(criterion(prefix)).toBeUndefined()
    expect(criterion(extend(prefix, 4))).toBe('custom')
  })

  it('gives the reason of the first criterion that holds', () => {
    const criterion = anyOf([() => undefined, () => 'time', eosToken([1])])
    expect(criterion(prefixOf([1]))).toBe('time')
    expect(anyOf([])(prefixOf([1]))).toBeUndefined()
  })

  it('needs a tokenizer for stop strings', () => {
    const config = configure({ stop_strings: 'END' })
    expect(() => buildStoppingCriterion(config, { maxLength: 9, eosTokenIds: [] })).toThrow(
      'needs a tokenizer',
    )
    const { ids, decode } = textOf(['the E', 'ND.'])
    const criterion = buildStoppingCriterion(config, { maxLength: 9, eosTokenIds: [], decodeSuffix: decode })
    expect(criterion(prefixOf(ids))).toBe('stop')
  })
})
