import { describe, expect, it } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { GrammarLimitError } from '../../../src/grammar/limits.js'
import { toJsonString, toUtf8 } from '../../../src/grammar/regex/language.js'
import { REGEX_LIMITS, Regexes } from '../../../src/grammar/regex/nodes.js'
import { parseRegex } from '../../../src/grammar/regex/parse.js'
import type { LeafMachine, Regex } from '../../../src/grammar/regex/regex.js'
import { RegexAutomaton } from '../../../src/grammar/regex/regex-automaton.js'
import { accepts, walk } from './walk.js'

function compile(source: string, regexes = new Regexes()): RegexAutomaton {
  return new RegexAutomaton(regexes, toUtf8(regexes, parseRegex(source)))
}

/** A string between quotation marks whose characters match a pattern that may stand anywhere. */
function jsonString(regexes: Regexes, pattern: string, unanchored = true): Regex {
  const quote = regexes.literal('"')
  return regexes.concat([quote, toJsonString(regexes, parseRegex(pattern), { unanchored }), quote])
}

function hexadecimal(text: string): string {
  return [...text].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}

describe('characters', () => {
  it('are valid UTF-8 and nothing else', () => {
    const any = compile('[^]')
    const decoder = new TextDecoder('utf-8', { fatal: true })
    for (
      let codePoint = 0;
      codePoint <= 0x10ffff;
      codePoint += codePoint < 0x900 || (codePoint > 0xd700 && codePoint < 0xe100) ? 1 : 251
    ) {
      const surrogate = codePoint >= 0xd800 && codePoint < 0xe000
      const bytes = surrogate
        ? [0xed, 0x80 | ((codePoint >> 6) & 63), 0x80 | (codePoint & 63)]
        : Buffer.from(String.fromCodePoint(codePoint))
      expect(accepts(any, Uint8Array.from(bytes)), codePoint.toString(16)).toBe(!surrogate)
    }
    for (let first = 0x80; first < 256; first++) {
      for (const rest of [
        [],
        [0x7f],
        [0x80],
        [0x90, 0x80],
        [0x9f, 0xbf],
        [0xa0, 0x80],
        [0x80, 0x80, 0x80],
        [0x8f, 0xbf, 0xbf],
        [0x90, 0x80, 0x80],
        [0xc0],
      ]) {
        const bytes = Uint8Array.from([first, ...rest])
        let valid = true
        try {
          valid = [...decoder.decode(bytes)].length === 1
        } catch {
          valid = false
        }
        expect(accepts(any, bytes), `${bytes}`).toBe(valid)
      }
    }
  })

  it('of a JSON string are spelt as JSON.stringify does, or in any way that JSON.parse reads', () => {
    const regexes = new Regexes()
    const any = parseRegex('[^]*')
    const written = new RegexAutomaton(regexes, toJsonString(regexes, any))
    const read = new RegexAutomaton(regexes, toJsonString(regexes, any, { anySpelling: true }))
    for (let unit = 0; unit < 0x100; unit++) {
      const character = String.fromCharCode(unit)
      const plain = JSON.stringify(character).slice(1, -1)
      expect([accepts(written, plain), accepts(read, plain)], plain).toEqual([true, true])
      const raw = [0x22, 0x5c].includes(unit) || unit < 0x20
      expect([accepts(written, character), accepts(read, character)]).toEqual([!raw, !raw])
      const escaped = hexadecimal(character)
      const needed = plain.startsWith('\\u')
      for (const spelling of [escaped, escaped.toUpperCase().replace('\\U', '\\u')]) {
        expect([accepts(written, spelling), accepts(read, spelling)], spelling).toEqual([needed, true])
      }
      let legal = true
      try {
        JSON.parse(`"\\${character}"`)
      } catch {
        legal = false
      }
      expect(accepts(read, `\\${character}`), `\\${character}`).toBe(legal)
    }
    expect(
      ['\\ud83d\\ude00', '\\uD83D', '\\ude00', '\\ud83dx', '\\u00e'].map((text) => accepts(read, text)),
    ).toEqual([true, false, false, false, false])
    const astral = new RegexAutomaton(
      regexes,
      toJsonString(regexes, parseRegex('[😀-😂]'), { anySpelling: true }),
    )
    expect(
      ['😀', '\\ud83d\\uDE01', '\\ud83d\\ude03', '\\ud83e\\ude00'].map((text) => accepts(astral, text)),
    ).toEqual([true, true, false, false])
  })
})

describe('RegexAutomaton', () => {
  it('is dead as soon as nothing can follow, with complements and intersections too', () => {
    const regexes = new Regexes()
    const text = (source: string) => toUtf8(regexes, parseRegex(source))
    const both = regexes.and([text('(ab)*c'), text('a.*'), regexes.not(text('ab.*'))])
    expect(new RegexAutomaton(regexes, both).start).toBe(DEAD)
    const lengths = new RegexAutomaton(
      regexes,
      regexes.and([text('(...)*'), text('(.....)*'), regexes.not(text('.{0,14}'))]),
    )
    expect(lengths.completion(lengths.start)).toHaveLength(15)
    const ended = compile('(?!foo)...', regexes)
    expect([walk(ended, 'fo') !== DEAD, walk(ended, 'foo')]).toEqual([true, DEAD])
    expect(regexes.isEmpty(regexes.and([text('a*'), text('b+')]))).toBe(true)
    expect(regexes.isEmpty(regexes.and([text('a*'), text('b*')]))).toBe(false)
  })

  it('knows the free text that may follow', () => {
    const regexes = new Regexes()
    const free = (regex: Regex, prefix: string) => {
      const automaton = new RegexAutomaton(regexes, regex)
      return automaton.freeText(walk(automaton, prefix))
    }
    const body = (source: string) => jsonString(regexes, source, false)
    expect(free(body('[^]*'), '"')).toBe(Infinity)
    expect(free(body('[^]*'), '"a\\')).toBe(0)
    expect(free(body('[^]{3,50}'), '"a')).toBe(49)
    expect(free(jsonString(regexes, 'foo'), '"xf')).toBe(Infinity)
    expect(free(jsonString(regexes, '^[a-z]+$'), '"x')).toBe(0)
    expect(free(jsonString(regexes, '^a'), '"')).toBe(0)
    expect(free(jsonString(regexes, '^a'), '"a')).toBe(Infinity)
    const names = regexes.or(['name', 'age', 'näme'].map((name) => regexes.literal(name)))
    const others = regexes.join(
      regexes.and([toJsonString(regexes, parseRegex('[^]*')), regexes.not(names)]),
      regexes.literal('"'),
    )
    expect(free(others, '')).toBe(Infinity)
    expect(free(others, 'nam')).toBe(Infinity)
    expect(free(toUtf8(regexes, parseRegex('(?!.*foo)[^]*')), '')).toBe(2)
    expect(free(toUtf8(regexes, parseRegex('(?=[^]*foo)[^]{0,100}')), '')).toBeGreaterThan(30)
    expect(free(toUtf8(regexes, parseRegex('(?=[^]*foo)[^]{0,10}')), '')).toBe(7)
  })

  it('completes with a shortest text of readable characters', () => {
    const completed = (source: string, prefix = '') => {
      const automaton = compile(source)
      return Buffer.from(automaton.completion(walk(automaton, prefix))).toString()
    }
    expect(completed('.{3}')).toBe('000')
    expect(completed('[\\u00e0-ÿz]+')).toBe('z')
    expect(completed('(abc|de)f', 'a')).toBe('bcf')
    expect(completed('(?=.*x)(?=.*7).{4}')).toHaveLength(4)
    expect(completed('€', '')).toBe('€')
    expect(completed('.{1000,2000}')).toHaveLength(1000)
  })

  it('shares the state of masks where a counter is far from its limits', () => {
    const regexes = new Regexes()
    const quote = regexes.literal('"')
    const automaton = new RegexAutomaton(
      regexes,
      regexes.concat([quote, toJsonString(regexes, parseRegex('[^]{20,1000}')), quote]),
    )
    const masks = Array.from({ length: 999 }, (_, length) =>
      automaton.maskState(walk(automaton, `"${'x'.repeat(length)}`), 16),
    )
    expect(new Set(masks.slice(0, 4)).size).toBe(1)
    expect(new Set(masks.slice(20, 984)).size).toBe(1)
    expect(new Set(masks).size).toBe(1 + 16 + 1 + 15)
    for (const length of [0, 3, 4, 19, 20, 500, 983, 998]) {
      const state = walk(automaton, `"${'x'.repeat(length)}`)
      for (const token of ['"', 'abc', 'x'.repeat(15), `${'x'.repeat(15)}"`, 'é"', '\\n"', '\n']) {
        expect(walk(automaton, token, masks[length]) !== DEAD, `${length} ${token}`).toBe(
          walk(automaton, token, state) !== DEAD,
        )
      }
    }
  })

  it('takes machines as leaves, and searches those that do not tell how far they are from an end', () => {
    class Remainder implements LeafMachine {
      readonly key: string
      readonly accepts: boolean
      constructor(readonly value: number) {
        this.key = `binary mod 5 is ${value}`
        this.accepts = value === 3
      }
      next(byte: number): LeafMachine | undefined {
        return byte === 0x30 || byte === 0x31 ? new Remainder((2 * this.value + byte - 0x30) % 5) : undefined
      }
    }
    const regexes = new Regexes()
    const automaton = new RegexAutomaton(
      regexes,
      regexes.and([regexes.machine(new Remainder(0)), regexes.not(regexes.literal('11'))]),
    )
    for (let value = 0; value < 64; value++)
      expect(accepts(automaton, value.toString(2))).toBe(value % 5 === 3 && value !== 3)
    expect(Buffer.from(automaton.completion(automaton.start)).toString()).toBe('011')
    expect(walk(automaton, '2')).toBe(DEAD)
  })
})

describe('normal forms', () => {
  it.each([
    ['a|b|c', '[a-c]'],
    ['foo|fob|fo', 'fo[ob]?'],
    ['(a*)*', 'a*'],
    ['(.{0,10}){0,10}', '.{0,100}'],
    ['x{2}x{3,}', 'x{5,}'],
    ['(x{1,2}|x{3,4})y', 'x{1,4}y'],
    ['a|(?:b$)c|a', 'a'],
    ['[^]*a*[^]*', '[^]*'],
    ['[^]*|foo|(?:é|b)+', '[^]*'],
    ['[^]*(?:[a-z]é)?', '[^]*'],
  ])('%s is %s', (a, b) => {
    const regexes = new Regexes()
    expect(toUtf8(regexes, parseRegex(a)) === toUtf8(regexes, parseRegex(b))).toBe(true)
  })
})

describe('limits', () => {
  // Steps and states stand for time: a step is some microseconds.
  it.each([
    ['(a|a)*b', 'a'.repeat(200), 300, 4],
    ['(x+x+)+y', 'x'.repeat(200), 300, 6],
    ['.{0,100000}', 'x'.repeat(500), 1_200, 510],
    ['(.{0,1000}){0,1000}', 'é'.repeat(500), 2_500, 1_010],
    ['(a{0,500}){0,500}', 'a'.repeat(500), 1_000, 510],
    ['(a{0,500}b?){0,500}', 'a'.repeat(300), 6_000, 310],
    ['(\\w+\\s?){1,50}', 'abc '.repeat(40), 3_000, 200],
    ['a{0,2147483647}', 'a'.repeat(100), 500, 110],
    ['[\\u{0}-\\u{10FFFF}]{1,100}', 'a'.repeat(100), 500, 110],
    ['(a|b?)'.repeat(5_000), 'a'.repeat(100), 40_000, 110],
    [`${'('.repeat(400)}a${')*'.repeat(400)}`, 'aaa', 500, 4],
    [
      ['l', 'k', 'j', 'i', 'h', 'g', 'f', 'e', 'd', 'c', 'b', 'a']
        .map((letter) => `(?=.*${letter})`)
        .join('')
        .concat('.*'),
      'abc',
      6_000,
      40,
    ],
  ])('case $# is small', (source, text, steps, states) => {
    const regexes = new Regexes()
    const automaton = compile(source, regexes)
    walk(automaton, text)
    expect(regexes.steps).toBeLessThan(steps)
    expect(automaton.states).toBeLessThan(states)
  })

  it('a list of thousands of words is a tree of their prefixes', () => {
    const regexes = new Regexes()
    const words = Array.from({ length: 5000 }, (_, i) => `value-${Math.imul(i, 2654435761).toString(36)}`)
    const list = regexes.or(words.map((word) => regexes.literal(word)))
    expect(regexes.size).toBeLessThan(30_000)
    const others = regexes.and([toUtf8(regexes, parseRegex('[^]*')), regexes.not(list)])
    const [within, without] = [new RegexAutomaton(regexes, list), new RegexAutomaton(regexes, others)]
    for (const word of [words[0], words[77], words[4999]]) {
      expect([
        accepts(within, word),
        accepts(without, word),
        accepts(within, `${word}x`),
        accepts(without, `${word}x`),
      ]).toEqual([true, false, false, true])
    }
    expect(without.freeText(walk(without, 'value-'))).toBe(Infinity)
  })

  it.each([
    ['('.repeat(100_000), 'nests more than 500 groups'],
    ['a?'.repeat(100_001), 'more than 200000 characters'],
    ['\\b'.repeat(101), 'more than 100 word boundaries'],
    [`${'('.repeat(20)}a$|b${'){0,3}'.repeat(20)}`, 'more than 500000 steps'],
    ['((((x{1000000}){1000000}){1000000}){1000000})', 'multiply to more than 2^53'],
    ['(?:\\b.?){9}'.repeat(30), 'repeats "^", a word boundary or a look-behind'],
    ['(?:^a|b|\\Bc)?'.repeat(30), 'more than 1000 alternatives'],
  ])('refuses case $#', (source, what) => {
    expect(() => compile(source)).toThrow(what)
  })

  it('end what takes too many steps, states or nodes', () => {
    const wide = '(?=.*a.{8}b)(?=.*c.{9}d)(?=.*e.{10}f)(?!.*g.{11}h).*'
    expect(() =>
      walk(compile(wide, new Regexes({ ...REGEX_LIMITS, steps: 2_000 })), 'ace'.repeat(9)),
    ).toThrow(GrammarLimitError)
    expect(() =>
      walk(compile('.{0,1000}', new Regexes({ ...REGEX_LIMITS, states: 100 })), 'x'.repeat(200)),
    ).toThrow('more than 100 states')
    expect(() => compile('\\p{L}', new Regexes({ ...REGEX_LIMITS, nodes: 100 }))).toThrow(
      'more than 100 nodes',
    )
    const far = compile('a{2147483647}')
    expect(() => far.completion(walk(far, 'aaa'))).toThrow('more than 4000000')
  })
})
