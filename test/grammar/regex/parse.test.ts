import { describe, expect, it } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { type LanguageOptions, toUtf8 } from '../../../src/grammar/regex/language.js'
import { Regexes } from '../../../src/grammar/regex/nodes.js'
import { parseRegex } from '../../../src/grammar/regex/parse.js'
import { RegexAutomaton } from '../../../src/grammar/regex/regex-automaton.js'
import { RegexError } from '../../../src/grammar/regex/syntax.js'
import { accepts } from './walk.js'

function compile(source: string, options: LanguageOptions & { flags?: string } = {}): RegexAutomaton {
  const regexes = new Regexes()
  return new RegexAutomaton(regexes, toUtf8(regexes, parseRegex(source, options.flags), options))
}

describe('parseRegex', () => {
  it.each([
    ['a{,3}', ['a{,3}'], ['aa']],
    ['a{x}{', ['a{x}{'], ['a']],
    ['[]', [], ['', 'a']],
    ['[^]', ['a', '\n', '😀'], ['']],
    ['[\\w-a]+', ['x-a_'], ['+']],
    ['[a\\-z]+', ['a-z'], ['b']],
    ['\\-\\_\\/\\@\\%\\"\\ ', ['-_/@%" '], ['']],
    ['\\x41\\u0042\\u{43}\\cJ\\0\\t[\\b]', ['ABC\n\0\t\b'], ['']],
    ['\\ud83d\\ude00', ['😀'], ['']],
    ['\\ud83d', [], ['', '\ufffd']],
    ['(?P<x>a)(?<y>b)(?:c)(?#no)', ['abc'], ['ab']],
    ['\\Aa\\Z', ['a'], ['a\n', 'ba']],
    ['(?i)straße', ['STRAẞE', 'straße'], ['strasse']],
    ['(?i:K)k', ['Kk', 'kk', 'Kk'], ['KK']],
    ['(?-i:a)b', ['ab'], ['AB']],
    ['(?s).', ['\n'], ['']],
    ['.', ['x', '\u0085'], ['\n', '\u2028']],
    ['\\p{Lu}\\p{Script=Greek}\\P{L}', ['ÄΩ1'], ['äΩ1', 'ÄΩΩ']],
    ['\\s', ['\u00a0', '\ufeff', '\u3000'], ['\u0085', '\u200b']],
    ['a??b+?c*?', ['b', 'abbc'], ['a']],
    ['x{0}y{1}(?:ab){2,}', ['yabab', 'yababab'], ['yab', 'xyabab']],
    ['(?:){5}(?:a*)*', ['', 'aa'], ['b']],
  ])('%s', (source, members, others) => {
    const automaton = compile(source)
    for (const text of members) expect(accepts(automaton, text), text).toBe(true)
    for (const text of others) expect(accepts(automaton, text), text).toBe(false)
    if (members.length === 0) expect(automaton.start).toBe(DEAD)
  })

  it.each([
    ['(a)\\1', 'back-reference', 4],
    ['(?<n>a)\\k<n>', 'back-reference', 8],
    ['(?P<n>a)(?P=n)', 'back-reference', 9],
    ['a(b', '"(" without its ")"', 2],
    ['ab)', '")" without its "("', 3],
    ['[ab', '"[" without its "]"', 1],
    ['*a', 'nothing to repeat', 1],
    ['a{2}{3}', 'nothing to repeat', 5],
    ['a**', 'nothing to repeat', 3],
    ['a++', 'possessive', 2],
    ['(?>a)', 'group of an unknown kind', 1],
    ['a(?i)b', 'flags in its middle', 2],
    ['(?x)a b', 'flag "x"', 1],
    ['a{3,2}', 'out of order', 2],
    ['a{2147483649}', 'above 2147483648', 2],
    ['[z-a]', 'out of order', 3],
    ['\\p{Nonsense}', 'property "Nonsense"', 1],
    ['\\q', 'unknown escape "\\q"', 1],
    ['\\u12', '4 hexadecimal digits', 1],
    ['\\u{110000}', 'malformed \\u{…}', 1],
    ['\\01', 'octal', 1],
    ['a\\', 'ends in a backslash', 2],
    ['^*', 'repeats an assertion', 1],
    ['(?:a$)*', 'repeats an assertion', 1],
    ['(?:\\ba)+', 'repeats "^", a word boundary or a look-behind', 1],
    ['a(?=b)b(?<=c)', 'looks ahead', 2],
    ['a(?=(?<=a)b)b', 'looks behind', 5],
  ])('refuses %s', (source, what, position) => {
    const refused = (() => {
      try {
        compile(source)
      } catch (error) {
        return error
      }
    })() as RegexError
    expect(refused).toBeInstanceOf(RegexError)
    expect(refused.exitCode).toBe(2)
    expect(refused.message).toContain(what)
    expect(refused.message).toMatch(new RegExp(`, at character ${position}\\.$`))
  })

  it.each([
    ['^a|b$', ['ax', 'xb', 'a'], ['xa', 'bx']],
    ['\\bfoo\\b', ['foo', 'a foo.', 'foo-'], ['food', 'afoo', 'éfoo_']],
    ['^(?!.*\\bno\\b).*end$', ['the end', 'not the end'], ['no end', 'oh no, the end']],
    ['(?<!\\d)\\d{3}(?!\\d)', ['123', 'a123b', '1234 567'], ['1234', '12']],
    ['(?<=^|,)x(?=,|$)', ['x', 'a,x', 'x,b'], ['ax', 'x.']],
    ['a^b', [], ['ab', 'a\nb']],
    ['^((?!no).)*$', ['', 'on', 'n o'], ['no', 'a no', 'n\n']],
    ['^(?:(?=[ab]+$)[^b]){2,3}$', ['aa', 'aaa'], ['a', 'ab', 'aab']],
    ['(^a)?b', ['b', 'ab', 'xb', 'aab'], ['a']],
  ])('unanchored %s', (source, members, others) => {
    const automaton = compile(source, { unanchored: true })
    for (const text of members) expect(accepts(automaton, text), text).toBe(true)
    for (const text of others) expect(accepts(automaton, text), text).toBe(false)
  })

  it('multi-line anchors stand at the ends of lines', () => {
    const automaton = compile('^b$', { unanchored: true, flags: 'm' })
    expect(['b', 'a\nb', 'b\r\nc', 'ab', 'b c'].map((text) => accepts(automaton, text))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })
})
